"""Exact scores of the few candidates that `top_k` is left with, and their order; compiled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.vectors import (
    bits_of,
    count_bits,
    fetch,
    float_of,
    reaching,
    sums_of_products,
)

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
def dots(one: NDArray[np.float64], others: Floats, keys: Keys, found: Floats) -> None:
    """Write the dot products of a vector and some rows of others, summed in float64.

    Rows are not cut out of their array: Numba would count who uses it, for each product.

    Args:
        one: [dim].
        others: [n, dim], row by row in memory.
        keys: [m], rows of `others`.
        found: [>= m], written.
    """
    steps, last = len(one) // STEP, len(keys) - 1
    start, length = others.ctypes.data, others.strides[0]
    for first in range(0, len(keys), 4):
        for at in range(first, first + 4):
            ask_ahead(others, keys, at)
        rows = (
            start + length * keys[first],
            start + length * keys[min(first + 1, last)],
            start + length * keys[min(first + 2, last)],
            start + length * keys[min(first + 3, last)],
        )
        sums = sums_of_products(one.ctypes.data, rows, steps)
        for at in range(first, min(first + 4, len(keys))):
            total = sums[at - first]
            for dim in range(steps * STEP, len(one)):
                total += one[dim] * np.float64(others[keys[at], dim])
            found[at] = total


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
def in_order(scores: Floats, keys: Keys, best: Codes) -> int:
    """Write the codes of the best, in order; return how many.

    To count how many reach each is faster, for so few, than to sort them.

    Args:
        scores: [>= m]; what lies behind m, up to the next multiple of 64, is overwritten.
        keys: [m], theirs.
        best: [k], written; behind the last that there is, anything.
    """
    count, k, above = len(keys), len(best), 0
    scores[count : -(-count // 64) * 64] = -np.inf
    for at in range(count):
        place = -1  # it reaches itself
        for first in range(0, count, 64):
            place += count_bits(reaching(scores.ctypes.data + 4 * first, scores[at]))
        above += place
        if place < k:
            best[place] = code_of(scores[at], keys[at])
    if above != count * (count - 1) // 2:  # some are equal, and reach each other
        codes = np.empty(count, np.int64)
        for at in range(count):
            codes[at] = code_of(scores[at], keys[at])
        codes.sort()
        best[: min(count, k)] = codes[:k]
    return min(count, k)


@compiled
def put_in_order(codes: Codes, code: int) -> None:
    """Put a code into its place among others that are in order, if it is less than the last."""
    at = len(codes) - 1
    if code < codes[at]:
        while at and codes[at - 1] > code:
            codes[at] = codes[at - 1]
            at -= 1
        codes[at] = code
