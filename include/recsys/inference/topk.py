"""The exact best articles by dot product, in memory that does not grow with the customers."""

import numpy as np
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.inference.ragged import Keys, Ragged

Floats = NDArray[np.float32]

#: Customers and articles multiplied at once: their scores (8 MB) stay in the processor's cache.
BLOCK_QUERIES = 256
BLOCK_CANDIDATES = 8192


def top_k(
    queries: Floats,
    candidates: Floats,
    k: int,
    *,
    allowed: NDArray[np.bool_],
    excluded: Ragged | None = None,
) -> tuple[Keys, Floats]:
    """Return each query's `k` best candidates, best first, ties by the lower key.

    Args:
        queries: [n, dim].
        candidates: [a, dim]; an article's row is its key.
        k: how many to return.
        allowed: [a]; candidates outside it are never returned.
        excluded: n rows of keys that a query must not get.

    Returns:
        keys [n, k] and scores [n, k]; where a query has fewer than `k` candidates its row ends
        with PADDING_KEY and -inf.
    """
    keys = np.full((len(queries), k), PADDING_KEY, np.int32)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    open_keys = np.flatnonzero(allowed).astype(np.int32)
    vectors = np.ascontiguousarray(candidates[open_keys], np.float32)
    position = np.full(len(allowed), -1, np.int64)
    position[open_keys] = np.arange(len(open_keys))
    for start in range(0, len(queries), BLOCK_QUERIES):
        rows = slice(start, min(start + BLOCK_QUERIES, len(queries)))
        block = np.asarray(queries[rows], np.float32)
        closed = _closed(excluded, rows, position)
        for first in range(0, len(open_keys), BLOCK_CANDIDATES):
            part = slice(first, first + BLOCK_CANDIDATES)
            found = block @ vectors[part].T
            _close(found, closed, first)
            _merge(keys[rows], scores[rows], found, open_keys[part])
    return keys, scores


def _closed(
    excluded: Ragged | None, rows: slice, position: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of each excluded cell of a block, ascending by column."""
    if excluded is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    block = excluded.take(np.arange(rows.start, rows.stop))
    block = block.where(block.keys < len(position))
    columns = position[block.keys]
    order = np.argsort(columns, kind="stable")
    order = order[columns[order] >= 0]
    return block.rows[order], columns[order]


def _close(found: Floats, closed: tuple[NDArray[np.int64], NDArray[np.int64]], first: int) -> None:
    rows, columns = closed
    begin, end = np.searchsorted(columns, (first, first + found.shape[1]))
    found[rows[begin:end], columns[begin:end] - first] = -np.inf


def _merge(keys: Keys, scores: Floats, found: Floats, found_keys: Keys) -> None:
    """Put what `found` [n, c] betters into `keys` and `scores` [n, k], in place.

    Articles come in ascending key order, so a later one must beat the k-th score, not match it.
    """
    k = keys.shape[1]
    threshold = scores[:, -1:].copy()
    if k < found.shape[1] and np.isneginf(threshold).any():
        # A first block would let everything through: its own k-th score is a bar as well.
        own = np.partition(found, -k, axis=1)[:, -k, None]
        threshold = np.maximum(threshold, np.nextafter(own, -np.inf, dtype=np.float32))
    rows, columns = np.nonzero(found > threshold)
    if not len(rows):
        return
    n = len(keys)
    all_rows = np.concatenate([np.repeat(np.arange(n), k), rows])
    all_keys = np.concatenate([keys.ravel(), found_keys[columns]])
    all_scores = np.concatenate([scores.ravel(), found[rows, columns]])
    order = np.lexsort((all_keys, -all_scores, all_rows))
    lengths = np.bincount(all_rows, minlength=n)
    starts = np.cumsum(lengths) - lengths
    best = order[(starts[:, None] + np.arange(k)).ravel()]
    keys[:] = all_keys[best].reshape(n, k)
    scores[:] = all_scores[best].reshape(n, k)
