"""Exact scores of the few candidates that `top_k` is left with, and their order; compiled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.vectors import bits_of, fetch, float_of, sum_of_products

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]

#: A vector is asked for so many candidates before it is needed.
AHEAD = 12
#: Numbers that are multiplied at a time.
STEP = 16


@compiled
def ask_ahead(vectors: Floats, keys: Keys, at: int) -> None:
    """Ask the memory for the row of `vectors` that `keys` names AHEAD places after `at`."""
    if at + AHEAD < len(keys):
        length = vectors.strides[0]
        start = vectors.ctypes.data + keys[at + AHEAD] * length
        for line in range(start, start + length, 64):
            fetch(line)


@compiled
def exact_codes(queries: Floats, candidates: Floats, query: int, keys: Keys) -> Codes:
    """Return codes of the scores of a query's candidates, `keys` [m]."""
    codes = np.empty(len(keys), np.int64)
    one = queries[query].astype(np.float64)
    for at, key in enumerate(keys):
        ask_ahead(candidates, keys, at)
        codes[at] = code_of(np.float32(dot(one, candidates, key)), key)
    return codes


@compiled
def code_of(score: Any, key: int) -> Any:
    """Return a whole number that rises as a score falls and, among equal ones, as the key rises."""
    # Adding zero makes -0.0 equal to 0.0.
    bits = np.int64(bits_of(score + np.float32(0)))
    return key - ((bits if bits >= 0 else bits ^ 0x7FFFFFFF) << 32)


@compiled
def score_of(code: int) -> Any:
    """Return the score that a code stands for."""
    rising = -(code >> 32)
    return float_of(np.int32(rising if rising >= 0 else rising ^ 0x7FFFFFFF))


@compiled
def key_of(code: int) -> Any:
    """Return the key that a code stands for."""
    return np.int32(code & 0x7FFFFFFF)


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


@compiled
def dot(one: NDArray[np.float64], others: Floats, row: int) -> float:
    """Return the dot product of a vector [dim] and a row of float32 vectors, in float64.

    The row is not cut out of its array: Numba would count who uses it, for each product.
    """
    steps = len(one) // STEP
    start = others.ctypes.data + row * others.strides[0]
    total: float = sum_of_products(one.ctypes.data, start, steps)
    for dim in range(steps * STEP, len(one)):
        total += one[dim] * np.float64(others[row, dim])
    return total
