"""What scores coarsely for `top_k`, and holds what reaches the bars: vectors of bytes, or BLAS.

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

from recsys.inference.ragged import Keys
from recsys.inference.topk_instructions import ROWS, SIDE, multiply
from recsys.vectors import lowest_bit, reaching

Floats = NDArray[np.float32]
_by_type: Callable[[Any], Callable[[Any], Any]] = partial(overload, strict=False)

#: Candidates of a part: as bytes, 256 x 64 stay in the first cache.
WIDTH = 256
#: Bytes of a line of the processor's caches.
LINE = 64
#: Queries that share one way through the candidates, which come from memory.
BLOCK = 256
#: More than all that is too small for float32 adds up to.
TINY = np.float32(1e-30)
NONE, ONE, ALL = np.uint64(0), np.uint64(1), np.uint64(2**64 - 1)


class ForVnni(NamedTuple):
    """Vectors in bytes, `deep`, a multiple of SIDE, being their width: value = byte * unit.

    Queries are moved up by 128, as the instruction wants one of the two without a sign. What that
    adds to a product is the same for all queries, and where its sum starts from.
    """

    rows: NDArray[np.uint8]  # [n + ROWS, deep], the queries
    errors: Floats  # [n + ROWS], the most that a sum of products of bytes can be off
    units: Floats  # [n + ROWS], of the queries
    #: [parts, WIDTH / SIDE, deep / SIDE, SIDE * SIDE], the candidates: see `multiply`.
    tiles: NDArray[np.int8]
    starts: NDArray[np.int32]  # [parts, WIDTH], of sums; far below all sums where nobody stands
    scales: Floats  # [parts, WIDTH], units of the candidates
    inverses: Floats  # [parts, WIDTH], 1 / scales; 0 where nobody stands
    keys: Keys  # [parts, WIDTH]


class ForBlas(NamedTuple):
    """Candidates in float32; queries are as they are."""

    errors: Floats  # [n], the most that a product can be off
    tiles: Floats  # [parts, dim, WIDTH]


Vectors = ForVnni | ForBlas


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an empty array of a shape that starts at a line of the processor's caches.

    NumPy's do not: what takes 64 bytes at a time would load each half from another line.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(size + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    found: NDArray[Any] = room[first : first + size].view(dtype).reshape(shape)
    return found


def look(coarse: Vectors, held: Any, task: Any, block: tuple[int, int], part: int) -> None:
    """Add to what is `held` the candidates of a part whose ceilings reach their query's bar.

    The queries are those of a block; each has room for WIDTH candidates more.
    """


# Rows are found by their addresses: Numba would count who uses an array cut out of another.
@_by_type(look)
def _look_by_type(coarse: Any, held: Any, task: Any, block: Any, part: Any) -> Any:
    def by_vnni(coarse: Any, held: Any, task: Any, block: Any, part: Any) -> None:
        start, end = block
        steps, (whole, apart) = coarse.tiles.shape[2], coarse.tiles.strides[:2]
        length, bars, bits = coarse.rows.strides[0], held.bars_in_units, held.reached
        wide, between = held.products.strides[0], bits.strides[0]
        for first in range(start, end, ROWS):
            slot = first - start
            for row in range(ROWS):
                bars[row] = np.inf
                if first + row < end:
                    bars[row] = (held.bars[slot + row] - TINY) / coarse.units[first + row]
            queries = (
                coarse.rows.ctypes.data + first * length,
                length,
                bars.ctypes.data,
                coarse.errors.ctypes.data + 4 * first,
            )
            for half in range(WIDTH // SIDE):
                at = 4 * (WIDTH * part + SIDE * half)
                candidates = (
                    coarse.tiles.ctypes.data + part * whole + half * apart,
                    steps,
                    coarse.starts.ctypes.data + at,
                    coarse.inverses.ctypes.data + at,
                )
                products = held.products.ctypes.data + 4 * SIDE * half
                found = (products, wide, bits.ctypes.data + SIDE // 8 * half, between)
                multiply(queries, candidates, found)
            for row in range(ROWS):
                size = held.sizes[slot + row]
                error, unit = coarse.errors[first + row], coarse.units[first + row]
                for word in range(WIDTH // 64):
                    left = bits[row, word]
                    if left == ALL:  # as in the first part, before there is a bar
                        for at in range(64 * word, 64 * word + 64):
                            ceiling = (held.products[row, at] + error) * coarse.scales[part, at]
                            held.ceilings[slot + row, size + at - 64 * word] = ceiling * unit
                            held.keys[slot + row, size + at - 64 * word] = coarse.keys[part, at]
                        size += 64
                        continue
                    while left:
                        at = 64 * word + lowest_bit(left)
                        left &= left - ONE
                        ceiling = (held.products[row, at] + error) * coarse.scales[part, at] * unit
                        held.ceilings[slot + row, size] = ceiling
                        held.keys[slot + row, size] = coarse.keys[part, at]
                        size += 1
                held.sizes[slot + row] = size

    def by_blas(coarse: Any, held: Any, task: Any, block: Any, part: Any) -> None:
        (start, end), place = block, part * WIDTH
        tile = np.dot(task.queries[start:end], coarse.tiles[part])
        tile[:, len(task.keys) - place :] = -np.inf
        for slot in range(end - start):
            size, error = held.sizes[slot], coarse.errors[start + slot]
            bar = held.bars[slot] - error
            for column in range(0, WIDTH, 64):
                bits = reaching(tile.ctypes.data + 4 * (slot * WIDTH + column), bar)
                while bits:
                    at = column + lowest_bit(bits)
                    bits &= bits - ONE
                    held.ceilings[slot, size] = tile[slot, at] + error
                    held.keys[slot, size] = task.keys[place + at]
                    size += 1
            held.sizes[slot] = size

    return {ForVnni: by_vnni, ForBlas: by_blas}[coarse.instance_class]
