"""What makes the coarse scores of `top_k`: the matrix unit, vectors, or BLAS.

Each has vectors in its own layout, whose type says which way compiled code takes: Numba compiles
for a type what is registered here for it, and instructions that the processor lacks never.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

# The BLAS that np.dot calls from compiled code, which Numba would load at the first call: it has to
# be there before `threadpool_limits` looks for what it can limit.
import scipy.linalg.cython_blas  # noqa: F401
from numba.extending import overload
from numpy.typing import NDArray

from recsys.inference.topk_instructions import (
    ROWS,
    SIDE,
    TALL,
    add_products,
    clear_tiles,
    configure,
    release,
    store_products,
    store_tiles,
)  # fmt: skip

Floats = NDArray[np.float32]
_by_type: Callable[[Any], Callable[[Any], Any]] = partial(overload, strict=False)

#: Candidates of a tile of coarse scores: 32 queries x 256 x 4 bytes stay in the first cache.
WIDTH = 256
#: Bytes of a line of the processor's caches.
LINE = 64
#: Queries that share one way through the candidates, which come from memory.
BLOCK = 512


class ForMatrixUnit(NamedTuple):
    """Queries and candidates in bfloat16, `deep`, a multiple of SIDE, being their width."""

    rows: NDArray[np.uint16]  # [>= n + SIDE, deep], the queries
    #: [parts, WIDTH / SIDE, deep / SIDE, 2 * 16 * 32], the candidates: of each half of SIDE
    #: candidates, a row for each pair of dims, and in it pair by pair.
    tiles: NDArray[np.uint16]
    layout: NDArray[np.uint8]  # of the matrix unit
    height: int = TALL  # of a tile of scores


class ForAvx512(NamedTuple):
    """The same, for instructions that multiply vectors of pairs of dims (AVX-512 BF16)."""

    rows: NDArray[np.uint16]
    tiles: NDArray[np.uint16]
    height: int = SIDE


class ForBlas(NamedTuple):
    """Candidates in float32; queries are as they are."""

    tiles: Floats  # [parts, dim, WIDTH]
    height: int = BLOCK


Vectors = ForMatrixUnit | ForAvx512 | ForBlas


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an empty array of a shape that starts at a line of the processor's caches.

    NumPy's do not: what takes 64 bytes at a time would load each half from another line.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(size + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    found: NDArray[Any] = room[first : first + size].view(dtype).reshape(shape)
    return found


def start_unit(coarse: Vectors) -> None:
    """Make the unit ready."""


def stop_unit(coarse: Vectors) -> None:
    """Leave the unit to others."""


def score(tile: Floats, coarse: Vectors, queries: Floats, rows: tuple[int, int], part: int) -> None:
    """Write to `tile` the coarse scores of `coarse.height` queries and the candidates of a part.

    The queries are those from `rows[0]` on; from `rows[1]` on they may be left out.
    """


@_by_type(start_unit)
def _start_by_type(coarse: Any) -> Any:
    if coarse.instance_class is ForMatrixUnit:
        return lambda coarse: configure(coarse.layout.ctypes.data)
    return lambda coarse: None


@_by_type(stop_unit)
def _stop_by_type(coarse: Any) -> Any:
    if coarse.instance_class is ForMatrixUnit:
        return lambda coarse: release()
    return lambda coarse: None


# Rows are found by their addresses: Numba would count who uses an array cut out of another.
@_by_type(score)
def _score_by_type(tile: Any, coarse: Any, queries: Any, rows: Any, part: Any) -> Any:
    def by_matrix_unit(tile: Any, coarse: Any, queries: Any, rows: Any, part: Any) -> None:
        halves, steps = coarse.tiles.shape[1:3]
        length, (whole, apart, deep) = coarse.rows.strides[0], coarse.tiles.strides[:3]
        start, columns = tile.ctypes.data, coarse.tiles.ctypes.data + part * whole
        row = coarse.rows.ctypes.data + rows[0] * length
        for half in range(0, halves, 2):
            clear_tiles()
            for step in range(steps):
                at = columns + half * apart + step * deep
                add_products(row + 2 * SIDE * step, length, at, apart)
            store_tiles(start + 4 * SIDE * half, 4 * WIDTH)

    def by_avx512(tile: Any, coarse: Any, queries: Any, rows: Any, part: Any) -> None:
        halves, steps = coarse.tiles.shape[1:3]
        length, (whole, apart) = coarse.rows.strides[0], coarse.tiles.strides[:2]
        start, columns = tile.ctypes.data, coarse.tiles.ctypes.data + part * whole
        for half in range(halves):
            for row in range(0, min(SIDE, rows[1] - rows[0]), ROWS):
                place = coarse.rows.ctypes.data + (rows[0] + row) * length
                out = start + 4 * (row * WIDTH + half * SIDE)
                store_products(place, length, columns + half * apart, steps, out, 4 * WIDTH)

    def by_blas(tile: Any, coarse: Any, queries: Any, rows: Any, part: Any) -> None:
        of = queries[rows[0] : rows[1]][: coarse.height]
        np.dot(of, coarse.tiles[part], tile[: len(of)])

    ways = {ForMatrixUnit: by_matrix_unit, ForAvx512: by_avx512, ForBlas: by_blas}
    return ways[coarse.instance_class]
