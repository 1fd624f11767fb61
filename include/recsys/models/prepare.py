"""From the lake to training examples: one snapshot in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.examples.encode import (
    ARTICLE_CATEGORIES,
    ARTICLE_NUMBERS,
    CUSTOMER_CATEGORIES,
    CUSTOMER_NUMBERS,
    Encoder,
    fit_encoder,
)
from recsys.models.batches import Examples, Positives, collect_examples, read_positives
from recsys.models.inputs import Pca, Snapshot, load_snapshot
from recsys.paths import Partition
from recsys.storage import Lake


@dataclass(frozen=True)
class Source:
    """Where examples come from.

    lake: has examples.pairs, cleaned.articles and cleaned.transactions of run_date, and features.*
        at the cutoffs.
    history_length: so many recent articles of a customer are looked at.
    pca: of the images; None without any.
    """

    lake: Lake
    run_date: date
    history_length: int
    pca: Pca | None

    @property
    def transactions(self) -> Partition:
        """Where purchases are."""
        return Partition("cleaned.transactions", str(self.run_date))

    def positives(self, parts: Sequence[str]) -> list[Positives]:
        """Return the positives of the parts, by cutoff, earliest first.

        Raises:
            DataError: the parts have none.
        """
        pairs = self.lake.read(
            Partition("examples.pairs", str(self.run_date)),
            columns=[C.CUTOFF, "positive_id", C.CUSTOMER_KEY, C.ARTICLE_KEY, C.LABEL],
            filter=pc.field(C.PART).isin(list(parts)),
        )
        if not len(pairs):
            raise DataError(
                f"examples.pairs[{self.run_date}] has no pair of {' and '.join(parts)}: give more"
                " transactions, or other shares in examples.split"
            )
        return read_positives(pairs)

    def snapshot(self, cutoff: date, encoder: Encoder) -> Snapshot:
        """Return the arrays of one cutoff."""
        return load_snapshot(self.lake, cutoff, self.run_date, encoder, self.pca)


def prepare(source: Source, positives: Sequence[Positives]) -> tuple[Examples, Encoder]:
    """Return the examples of some cutoffs, and the encoder fitted to these alone."""
    encoder = _fit_encoder(source, [block.cutoff for block in positives])

    def blocks() -> Iterator[tuple[Snapshot, Positives]]:
        for block in positives:
            yield source.snapshot(block.cutoff, encoder), block

    return collect_examples(blocks(), encoder)


def _fit_encoder(source: Source, cutoffs: Sequence[date]) -> Encoder:
    def read(dataset: str, cutoff: date, columns: Sequence[str]) -> pa.Table:
        return source.lake.read(Partition(dataset, str(cutoff)), columns=list(columns))

    customer_columns = list(dict.fromkeys([*CUSTOMER_NUMBERS, *CUSTOMER_CATEGORIES]))
    article_columns = [C.ARTICLE_KEY, *ARTICLE_NUMBERS]
    return fit_encoder(
        [read("features.customers", c, customer_columns) for c in cutoffs],
        [read("features.articles", c, article_columns) for c in cutoffs],
        read("cleaned.articles", source.run_date, ARTICLE_CATEGORIES),
        history_length=source.history_length,
    )
