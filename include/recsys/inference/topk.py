"""The exact best articles by dot product, in memory that does not grow with the customers."""

import numpy as np
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.inference.ragged import Keys, Ragged
from recsys.threads import in_threads

Floats = NDArray[np.float32]

#: Queries that a thread searches for at a time.
SPAN = 1024


class Nearest:
    """Candidates that are ready to be searched, by as many queries as there are.

    `vectors` are all of them, float32 [a, dim].

    Args:
        candidates: [a, dim]; an article's row is its key.
        allowed: [a]; candidates outside it are never returned.

    Raises:
        DataError: an allowed vector holds NaN or infinity, or is too long for products in float32.
    """

    def __init__(self, candidates: Floats, *, allowed: NDArray[np.bool_]) -> None:
        # Numba takes a second to load: not before it is needed.
        from recsys.inference.topk_coarse import Coarse, coarse_scores

        # An order without meaning: where articles of a kind follow each other, bars rise late.
        keys = np.random.default_rng(0).permutation(np.flatnonzero(allowed)).astype(np.int32)
        self.vectors = np.ascontiguousarray(candidates, np.float32)
        self.coarse: Coarse | None = coarse_scores(self.vectors, keys) if len(keys) else None

    def top_k(
        self, queries: Floats, k: int, *, excluded: Ragged | None = None
    ) -> tuple[Keys, Floats]:
        """Return keys [n, k] and scores [n, k] for queries [n, dim]; see the function `top_k`."""
        keys = np.full((len(queries), k), PADDING_KEY, np.int32)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        if self.coarse is None or not keys.size:
            return keys, scores
        coarse, queries = self.coarse, np.ascontiguousarray(queries, np.float32)
        excluded = excluded or Ragged.of([])
        offsets = np.pad(excluded.offsets, (0, max(0, len(queries) - len(excluded))), mode="edge")

        def search(start: int) -> None:
            rows = slice(start, start + SPAN)
            found = keys[rows], scores[rows]
            coarse.search(queries[rows], (offsets[start:], excluded.keys), k, found)

        with coarse.one_thread_each():
            for _ in in_threads(search, range(0, len(queries), SPAN)):
                pass
        return keys, scores


def top_k(
    queries: Floats,
    candidates: Floats,
    k: int,
    *,
    allowed: NDArray[np.bool_],
    excluded: Ragged | None = None,
) -> tuple[Keys, Floats]:
    """Return each query's `k` best candidates, best first, ties by the lower key.

    Scores are sums in float64, rounded to float32: on one kind of processor the same for the same
    two vectors, whatever else is asked for, and by however many threads. For queries that come in
    blocks, `Nearest` makes the candidates ready once.

    Args:
        queries: [n, dim].
        candidates: [a, dim]; an article's row is its key.
        k: how many to return.
        allowed: [a]; candidates outside it are never returned.
        excluded: rows of keys that a query must not get; a query beyond the last row has none.

    Returns:
        keys [n, k] and scores [n, k]; where a query has fewer than `k` candidates its row ends
        with PADDING_KEY and -inf.

    Raises:
        DataError: a vector holds NaN or infinity, or is too long for products in float32.
    """
    return Nearest(candidates, allowed=allowed).top_k(queries, k, excluded=excluded)
