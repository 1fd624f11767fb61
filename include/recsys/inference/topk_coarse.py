"""Coarse scores for `top_k`, how far they can be off, and the search by them.

With a dash for a rounded vector, |q x - q' x'| <= |q - q'| |x| + |q'| |x - x'|, beside what summing
in float32 loses. All lengths on the right are measured, with the largest of all candidates.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.errors import DataError
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import Codes
from recsys.inference.topk_held import Task, hold
from recsys.inference.topk_instructions import LAYOUT, SIDE, has_avx512_bf16, has_matrix_unit
from recsys.inference.topk_kernel import search
from recsys.inference.topk_units import (
    BLOCK,
    WIDTH,
    Floats,
    ForAvx512,
    ForBlas,
    ForMatrixUnit,
    Vectors,
    aligned,
)

Lengths = NDArray[np.float64]

#: Four times what float32 loses of a product of two lengths for each dim added, in any order.
LOSS = 2.0**-22
#: More than all products that are too small for float32 add up to.
TINY = 1e-30
#: Held while BLAS is limited.
BLAS = Lock()
#: Vectors this long have no dot product beyond float32.
LONGEST = 1e18


class Coarse(Protocol):
    """Candidates, ready to be searched."""

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Codes
    ) -> None:
        """Write the codes of the best `k` of queries [n, dim] to `found` [n, k].

        `excluded` are offsets [>= n + 1] and keys, row by row.
        """

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Return a context in which a search does not start threads of its own."""


def coarse_scores(candidates: Floats, keys: Keys) -> Coarse:
    """Return the candidates [a, dim] that `keys` [m] name, for the fastest unit there is."""
    by_matrix_unit = has_matrix_unit()
    if by_matrix_unit or has_avx512_bf16():
        return Bfloat16(candidates, keys, by_matrix_unit=by_matrix_unit)
    return Blas(candidates, keys)


class Bfloat16:
    """Scores of vectors in bfloat16, a fifth of a percent off: by the matrix unit or by AVX-512."""

    def __init__(self, candidates: Floats, keys: Keys, *, by_matrix_unit: bool) -> None:
        self.candidates, self.keys = candidates, keys
        self.by_matrix_unit = by_matrix_unit
        self.deep = -(-candidates.shape[1] // SIDE) * SIDE
        self.longest, self.loss = 0.0, 0.0
        parts = range(0, len(keys), WIDTH)
        # Pairs of dims are one word of 32 bits.
        shape = (len(parts), WIDTH // SIDE, self.deep // SIDE, 2, 16, 16)
        tiles = aligned(shape, np.uint32)
        for tile, first in zip(tiles, parts, strict=True):
            rows = candidates[keys[first : first + WIDTH]]
            self.longest = max(self.longest, _lengths(rows).max())
            pairs = to_bfloat16(rows, (WIDTH, self.deep)).view(np.uint32)
            tile[:] = pairs.reshape(-1, 2, 16, self.deep // SIDE, 16).transpose(0, 3, 1, 4, 2)
            self.loss = max(self.loss, _rounding(rows, pairs.view(np.uint16)).max())
        self.tiles = tiles.view(np.uint16).reshape(*tiles.shape[:3], -1)

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Codes
    ) -> None:
        """See `Coarse`."""
        lengths = _lengths(queries)
        rows = to_bfloat16(queries, (len(queries) + SIDE, self.deep))
        loss = _rounding(queries, rows)
        error = loss * self.longest + (lengths + loss) * self.loss
        reach, slack = _bounds(lengths, self.longest, error, self.deep)
        task = Task(queries, self.candidates, self.keys, reach, slack, *excluded, k, found)
        if self.by_matrix_unit:
            _by_blocks(task, ForMatrixUnit(rows, self.tiles, LAYOUT))
        else:
            _by_blocks(task, ForAvx512(rows, self.tiles))

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`."""
        return nullcontext()


class Blas:
    """Scores in float32."""

    def __init__(self, candidates: Floats, keys: Keys) -> None:
        self.candidates, self.keys = candidates, keys
        self.longest = 0.0
        parts = range(0, len(keys), WIDTH)
        self.columns = np.zeros((len(parts), candidates.shape[1], WIDTH), np.float32)
        for columns, first in zip(self.columns, parts, strict=True):
            rows = candidates[keys[first : first + WIDTH]]
            columns[:, : len(rows)] = rows.T
            self.longest = max(self.longest, _lengths(rows).max())

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Codes
    ) -> None:
        """See `Coarse`."""
        lengths = _lengths(queries)
        reach, slack = _bounds(lengths, self.longest, np.zeros(len(queries)), queries.shape[1])
        task = Task(queries, self.candidates, self.keys, reach, slack, *excluded, k, found)
        _by_blocks(task, ForBlas(self.columns))

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`; the number of before is set again afterwards."""
        return _one_blas_thread()


def _by_blocks(task: Task, coarse: Vectors) -> None:
    """Search for blocks of queries; each whose bar was guessed too high is searched for again."""
    held = hold(task, coarse)
    for start in range(0, len(task.queries), BLOCK):
        block = (start, min(start + BLOCK, len(task.queries)))
        for query in search(task, coarse, held, block, True):
            search(task, coarse, held, (int(query), int(query) + 1), False)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # One search at a time: two would each take the other's limit for the number of before.
    with BLAS, threadpool_limits(1, user_api="blas"):
        yield


def to_bfloat16(rows: Floats, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the bits of the nearest bfloat16 of rows [n, dim], filled up with zeros to a shape."""
    words = rows.view(np.uint32)
    bits = (words + np.uint32(0x7FFF) + (words >> 16 & 1)) >> 16
    bits[bits & 0x7F80 == 0] = 0  # the matrix unit takes subnormal numbers for zero
    filled: NDArray[np.uint16] = aligned(shape, np.uint16)
    filled[:] = 0
    filled[: rows.shape[0], : rows.shape[1]] = bits
    return filled


def encode(keys: Keys, scores: Floats) -> Codes:
    """Return whole numbers that rise as a score falls and, among equal ones, as the key rises."""
    bits = scores.view(np.int32).astype(np.int64)
    return keys - (np.where(bits < 0, bits ^ 0x7FFFFFFF, bits) << 32)


def decode(codes: Codes) -> tuple[Keys, Floats]:
    """Return the keys and scores of codes."""
    rising = -(codes >> 32)
    bits = np.where(rising < 0, rising ^ 0x7FFFFFFF, rising).astype(np.int32)
    return (codes & 0xFFFFFFFF).astype(np.int32), bits.view(np.float32)


def _lengths(rows: Floats) -> Lengths:
    """Return the lengths of vectors [n, dim], in float64, after checking them."""
    lengths = np.asarray(np.linalg.norm(rows.astype(np.float64), axis=1))
    if not (lengths < LONGEST).all():
        raise DataError(
            f"top_k expects finite vectors no longer than {LONGEST:g}, found one of length "
            f"{lengths.max():g}: look at what the model was given, and train it again"
        )
    return lengths


def _rounding(rows: Floats, bits: NDArray[np.uint16]) -> Lengths:
    """Return how far rows [n, dim] have moved."""
    near = (bits[: len(rows), : rows.shape[1]].astype(np.uint32) << 16).view(np.float32)
    return np.asarray(np.linalg.norm(rows.astype(np.float64) - near, axis=1))


def _bounds(lengths: Lengths, longest: float, error: Lengths, dims: int) -> tuple[Floats, Floats]:
    """Return what no coarse score of a query exceeds, and twice the error of one, at most."""
    products = lengths * longest
    error = error + (dims + 8) * LOSS * products + TINY
    return (products + error).astype(np.float32), (2 * error).astype(np.float32)
