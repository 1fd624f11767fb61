"""Exact scores of the few candidates that `top_k` is left with, and their order; compiled."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.vectors import fetch

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]

#: A vector is asked for so many candidates before it is needed.
AHEAD = 12


@compiled
def exact_codes(queries: Floats, candidates: Floats, query: int, keys: Keys) -> Codes:
    """Return codes of the scores of a query's candidates, `keys` [m]: see `topk_coarse.decode`."""
    scores, codes = np.empty(len(keys), np.float32), np.empty(len(keys), np.int64)
    bits = scores.view(np.int32)
    start, length = candidates.ctypes.data, candidates.strides[0]
    for at, key in enumerate(keys):
        if at + AHEAD < len(keys):
            for line in range(0, length, 64):
                fetch(start + keys[at + AHEAD] * length + line)
        # Adding zero makes -0.0 equal to 0.0.
        scores[at] = np.float32(dot((queries, query), (candidates, key))) + np.float32(0)
        rising = np.int64(bits[at])
        codes[at] = key - ((rising if rising >= 0 else rising ^ 0x7FFFFFFF) << 32)
    return codes


@compiled
def score_of(code: int) -> Any:
    """Return the score that a code stands for."""
    rising = -(code >> 32)
    bits = np.empty(1, np.int32)
    bits[0] = rising if rising >= 0 else rising ^ 0x7FFFFFFF
    return bits.view(np.float32)[0]


@compiled
def rank(codes: Codes) -> NDArray[np.int64]:
    """Return how many are less than each: for so few, this is faster than to sort them."""
    ranks = np.empty(len(codes), np.int64)
    for at in range(len(codes)):
        own, less = codes[at], 0
        for other in range(len(codes)):
            less += codes[other] < own
        ranks[at] = less
    return ranks


@compiled
def in_order(codes: Codes, k: int) -> Codes:
    """Return the least `k` codes in order, or all where there are fewer; none may be equal."""
    least = np.empty(min(len(codes), k), np.int64)
    ranks = rank(codes)
    for at in range(len(codes)):
        if ranks[at] < k:
            least[ranks[at]] = codes[at]
    return least


@compiled
def put_in_order(codes: Codes, code: int) -> None:
    """Put a code into its place among others that are in order, if it is less than the last."""
    at = len(codes) - 1
    if code < codes[at]:
        while at and codes[at - 1] > code:
            codes[at] = codes[at - 1]
            at -= 1
        codes[at] = code


@partial(compiled, fastmath={"reassoc", "contract"})
def dot(one: tuple[Floats, int], other: tuple[Floats, int]) -> float:
    """Return the dot product of two rows of float32 in float64, several sums at a time.

    The rows are not cut out of their arrays: Numba would count who uses these, for each product.
    """
    (ones, row), (others, column) = one, other
    total = 0.0
    for dim in range(ones.shape[1]):
        total += np.float64(ones[row, dim]) * np.float64(others[column, dim])
    return total
