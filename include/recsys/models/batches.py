"""Training pairs as arrays of row numbers into compact feature arrays, and their batches.

Only the customers that occur in a snapshot's pairs are kept, so that eight weekly snapshots of the
full data set take a few hundred megabytes; a batch is a list of row numbers, nothing is copied.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import PADDING_KEY
from recsys.columns import Columns as C
from recsys.examples.encode import Encoder, Int32
from recsys.examples.numbers import Float32
from recsys.features.interactions import INTERACTION_NAMES, interaction_features
from recsys.features.rows import ArticleRows
from recsys.models.inputs import Snapshot

#: Pair features are made for so many positives at a time.
BLOCK = 8192


@dataclass(frozen=True)
class Positives:
    """The pairs of one cutoff, a row a positive: customers int32 [n], articles int32 [n, 1 + k].

    Column 0 of `articles` was bought, the others are its sampled negatives, 0 = padding.
    """

    cutoff: date
    customers: Int32
    articles: Int32

    def take(self, rows: npt.NDArray[np.int64]) -> "Positives":
        """Return the positives that an index array picks."""
        return Positives(self.cutoff, self.customers[rows], self.articles[rows])


@dataclass(frozen=True)
class Examples:
    """Positives of S snapshots, with what the network needs to know of them.

    The arrays of customers have a row for each customer of each snapshot; `customer_rows` int32 [n]
    points into them. Those of articles are indexed by key, but `article_numbers` [S * A, Fa] and
    the shares [S * A] by snapshot * A + key; `snapshots` int32 [n] says which one.

    articles: int32 [n, 1 + k], keys, the positive first, 0 = padding.
    interactions: float16 [n, 1 + k, P], standardised.
    snapshot_days: float32 [S], how many days before the latest cutoff each snapshot's one is.
    positive_shares, negative_shares: float32 [S * A], the article's share of its snapshot's
        positives and of its sampled negatives: how likely either sampler is to draw it.
    """

    customer_numbers: Float32
    customer_categories: Int32
    recent_articles: Int32
    recent_days: Float32
    recent_quantities: Float32
    article_numbers: Float32
    article_categories: Int32
    image_vectors: Float32
    customer_rows: Int32
    snapshots: Int32
    snapshot_days: Float32
    articles: Int32
    interactions: npt.NDArray[np.float16]
    positive_shares: Float32
    negative_shares: Float32

    def __len__(self) -> int:
        """Return the number of positives."""
        return len(self.customer_rows)


def read_positives(pairs: pa.Table) -> list[Positives]:
    """Return an examples.pairs table by cutoff, earliest first, positives by their id."""
    cutoffs = sorted(pc.unique(pairs[C.CUTOFF]).to_pylist())
    return [_positives(pairs.filter(pc.equal(pairs[C.CUTOFF], c)), c) for c in cutoffs]


def _positives(pairs: pa.Table, cutoff: date) -> Positives:
    ids, label, customer, article = (
        pairs[name].to_numpy() for name in ("positive_id", C.LABEL, C.CUSTOMER_KEY, C.ARTICLE_KEY)
    )
    order = np.lexsort((article, -label, ids))
    _, start, group, size = np.unique(
        ids[order], return_index=True, return_inverse=True, return_counts=True
    )
    articles = np.full((len(start), int(size.max())), PADDING_KEY, np.int32)
    articles[group, np.arange(len(order)) - start[group]] = article[order]
    return Positives(cutoff, customer[order][start].astype(np.int32), articles)


def collect_examples(
    blocks: Iterable[tuple[Snapshot, Positives]], encoder: Encoder
) -> tuple[Examples, Encoder]:
    """Return the examples of (snapshot, its positives), and the encoder fitted to pair features.

    Snapshots are looked at one after the other, so an iterator keeps only one of them in memory.
    An encoder that already knows the pair features is kept as it is.
    """
    parts: list[dict[str, npt.NDArray[Any]]] = []
    fixed: dict[str, npt.NDArray[Any]] = {}
    cutoffs: list[date] = []
    rows = 0
    for number, (snapshot, positives) in enumerate(blocks):
        part = _collect(snapshot, positives, number=number, first_row=rows)
        rows += len(part["customer_numbers"])
        parts.append(part)
        cutoffs.append(snapshot.cutoff)
        fixed = {
            "article_categories": snapshot.article_categories,
            "image_vectors": snapshot.image_vectors,
        }
    fixed["snapshot_days"] = np.array([(max(cutoffs) - c).days for c in cutoffs], np.float32)
    stacked = {name: _concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    if not encoder.interactions:
        real = stacked["interactions"][stacked["articles"] != PADDING_KEY]
        encoder = encoder.with_interactions(INTERACTION_NAMES, real)
    encoder.encode_interactions(stacked["interactions"])
    return Examples(**stacked, **fixed), encoder


def pair_features(snapshot: Snapshot, customers: Int32, articles: Int32) -> Float32:
    """Return raw pair features float32 [n, m, P] of customer keys [n], article keys [n, m]."""
    return interaction_features(
        snapshot.customers.take(customers), ArticleRows(articles, snapshot.catalogue)
    )


def batches(examples: Examples, batch_size: int, generator: np.random.Generator) -> Iterator[Int32]:
    """Yield row numbers int32 [<= batch_size] of one epoch, in a new order each time.

    A batch comes from one snapshot: its in-batch negatives are articles of the same weeks, seen as
    of the same day, so that no article gives itself away by its date. Positives of a customer
    follow each other, so that a batch reads its history once for all of them.
    """
    plan: list[Int32] = []
    turns = generator.permutation(len(examples.customer_numbers))
    for snapshot in np.unique(examples.snapshots):
        rows = np.flatnonzero(examples.snapshots == snapshot)
        rows = rows[np.argsort(turns[examples.customer_rows[rows]], kind="stable")]
        count = -(-len(rows) // batch_size)
        plan += np.array_split(rows.astype(np.int32), count)
    for i in generator.permutation(len(plan)):
        yield plan[i]


def _collect(
    snapshot: Snapshot, positives: Positives, *, number: int, first_row: int
) -> dict[str, npt.NDArray[Any]]:
    keys, rows = np.unique(positives.customers, return_inverse=True)
    count, size = len(positives.customers), len(snapshot.is_on_sale)
    return {
        "customer_numbers": snapshot.customer_numbers[keys],
        "customer_categories": snapshot.customer_categories[keys],
        "recent_articles": snapshot.recent_articles[keys],
        "recent_days": snapshot.recent_days[keys],
        "recent_quantities": snapshot.recent_quantities[keys],
        "article_numbers": snapshot.article_numbers,
        "customer_rows": (rows + first_row).astype(np.int32),
        "snapshots": np.full(count, number, np.int32),
        "articles": positives.articles,
        "interactions": _all_pair_features(snapshot, positives),
        "positive_shares": _shares(positives.articles[:, 0], size, smoothing=0),
        # One more of each keeps an article that no sample happened to draw from weighing nothing.
        "negative_shares": _shares(positives.articles[:, 1:], size, smoothing=1),
    }


def _all_pair_features(snapshot: Snapshot, positives: Positives) -> npt.NDArray[np.float16]:
    shape = (*positives.articles.shape, len(INTERACTION_NAMES))
    features = np.empty(shape, np.float16)
    for start in range(0, len(features), BLOCK):
        rows = slice(start, start + BLOCK)
        features[rows] = pair_features(
            snapshot, positives.customers[rows], positives.articles[rows]
        )
    return features


def _shares(articles: Int32, size: int, *, smoothing: int) -> Float32:
    counts = np.bincount(articles[articles != PADDING_KEY], minlength=size) + smoothing
    return np.asarray(counts / max(counts.sum(), 1), np.float32)


def _concatenate(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the rows of all; article lists of unlike length are padded to the longest."""
    if arrays[0].ndim > 1:
        width = max(a.shape[1] for a in arrays)
        arrays = [
            np.pad(a, [(0, 0), (0, width - a.shape[1]), *[(0, 0)] * (a.ndim - 2)]) for a in arrays
        ]
    return np.concatenate(arrays)
