"""Candidates: the few hundred articles a customer's list is chosen from, and who offered them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.topk import Floats
from recsys.schemas import CANDIDATES, SOURCES


@dataclass(frozen=True)
class Candidates:
    """Pairs, grouped by customer; a customer's articles are distinct and ascend by key."""

    customer_keys: Keys  # [n]
    offsets: NDArray[np.int64]  # [n + 1]
    article_keys: Keys  # [pairs]
    scores: Floats  # [pairs], the towers' dot product; NaN where nobody asked the towers
    copurchase_scores: Floats  # [pairs], what all purchases say of it; NaN where nobody asked
    sources: Keys  # [pairs], sum of the bits in recsys.schemas.SOURCES

    @classmethod
    def union(cls, customer_keys: Keys, offers: Mapping[str, Ragged]) -> Self:
        """Return the pairs of several sources, each once; scores are NaN.

        Args:
            customer_keys: [n].
            offers: source name -> n rows of distinct articles.
        """
        from recsys.inference.ragged_kernel import unite

        lengths = [len(offer.keys) for offer in offers.values()]
        starts = np.cumsum([0, *lengths[:-1]])
        offsets, article_keys, sources = unite(
            np.stack([offer.offsets for offer in offers.values()]) + starts[:, None],
            np.concatenate([offer.keys for offer in offers.values()]),
            np.array([SOURCES[name] for name in offers], np.int32),
        )
        tower, copurchase = np.full((2, len(article_keys)), np.nan, np.float32)
        return cls(customer_keys, offsets, article_keys, tower, copurchase, sources)

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """Return the pairs of a candidates.pairs table whose customers are contiguous."""
        customers = table[C.CUSTOMER_KEY].to_numpy()
        starts = np.flatnonzero(np.diff(customers, prepend=-1))
        return cls(
            customers[starts],
            np.append(starts, len(customers)),
            table[C.ARTICLE_KEY].to_numpy(),
            table[C.SCORE].to_numpy(),
            table["copurchase_score"].to_numpy(),
            table["sources"].to_numpy(),
        )

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Return the pairs of several parts, which have no customer in common."""
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            np.concatenate([part.customer_keys for part in parts]),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.article_keys for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.copurchase_scores for part in parts]),
            np.concatenate([part.sources for part in parts]),
        )

    def to_table(self) -> pa.Table:
        """Return the pairs in the layout of candidates.pairs."""
        customers = np.repeat(self.customer_keys, np.diff(self.offsets))
        columns = [customers, self.article_keys, self.scores, self.copurchase_scores]
        return pa.table([*columns, self.sources], schema=CANDIDATES)

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.customer_keys)

    def counts(self) -> dict[str, int]:
        """Return how many pairs each source offered."""
        return {name: int((self.sources & bit > 0).sum()) for name, bit in SOURCES.items()}

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row in `customer_keys` of each pair, [pairs]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def articles(self) -> Ragged:
        """The articles of each customer, [n] rows."""
        return Ragged(self.offsets, self.article_keys, np.ones_like(self.scores))

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """Return the pairs that `keep`, [pairs], marks; every customer stays."""
        kept = np.concatenate([[0], np.cumsum(keep)])
        return type(self)(
            self.customer_keys,
            kept[self.offsets],
            self.article_keys[keep],
            self.scores[keep],
            self.copurchase_scores[keep],
            self.sources[keep],
        )

    def blocks(self, customers: int) -> Iterator[Self]:
        """Yield the same pairs, at most so many customers at a time."""
        for start in range(0, len(self), customers):
            offsets = self.offsets[start : start + customers + 1]
            pairs = slice(offsets[0], offsets[-1])
            yield type(self)(
                self.customer_keys[start : start + customers],
                offsets - offsets[0],
                self.article_keys[pairs],
                self.scores[pairs],
                self.copurchase_scores[pairs],
                self.sources[pairs],
            )
