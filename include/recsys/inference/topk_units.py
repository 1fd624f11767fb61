"""What scores coarsely for `top_k`, and holds what reaches the bars: vectors of bytes, or BLAS.

Each has vectors in its own layout, whose type says which way compiled code takes: Numba compiles
for a type what is registered here for it, and instructions that the processor lacks never.
"""

import mmap
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

# The BLAS that np.dot calls from compiled code, which Numba would load at the first call: it has to
# be there before `threadpool_limits` looks for what it can limit.
import scipy.linalg.cython_blas  # noqa: F401
from numba.extending import overload
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.topk_instructions import SIDE, configure, multiply, release
from recsys.vectors import fetch, lowest_bit, reaching

Floats = NDArray[np.float32]
_by_type: Callable[[Any], Callable[[Any], Any]] = partial(overload, strict=False)

#: Candidates of a part: as bytes, 256 x 64 stay in the first cache.
WIDTH = 256
#: Tiles of a part.
TILES = WIDTH // SIDE
#: Bytes of a line of the processor's caches, and of a huge page of memory.
LINE, HUGE = 64, 2**21
#: Queries that share one way through the candidates, which come from memory.
BLOCK = 1024
#: More than all that is too small for float32 adds up to.
TINY = np.float32(1e-30)
#: What products are compared with is kept between these: below LOW is only who is not there.
HIGH, LOW = np.int32(2**30), np.int32(-(2**29))
NONE, ONE, BITS, PER_ROW = np.uint64(0), np.uint64(1), np.uint64(64), np.uint64(WIDTH // 64)


class ForBytes(NamedTuple):
    """Vectors in bytes, `deep`, so many whole steps, being their width: value = byte * unit.

    Queries are moved up by 128, as the instruction wants one of the two without a sign. What that
    adds to a product is the same for all queries, and where its sum starts from. The SIDE
    candidates of a tile share a unit. A product is off by no more, in units of the two, than
    `lengths * tile_losses + losses * tile_lengths`.
    """

    layout: NDArray[np.uint8] | None  # LAYOUT where the matrix unit multiplies
    height: int  # queries that are multiplied at a time
    rows: NDArray[np.uint8]  # [n + height, deep], the queries
    units: Floats  # [n], of the queries
    lengths: Floats  # [n], of the queries and what they have moved by, in their units
    losses: Floats  # [n], lengths of what the queries have moved by, in their units
    #: [parts, TILES, steps, deep / steps * SIDE], the candidates: see `multiply`.
    tiles: NDArray[np.int8]
    starts: NDArray[np.int32]  # [parts, WIDTH], of sums; far below all sums where nobody stands
    tile_units: Floats  # [parts, TILES]
    tile_lengths: Floats  # [parts, TILES], the largest of a tile, in its units
    tile_losses: Floats  # [parts, TILES], the same of losses, and of what float32 loses


class ForBlas(NamedTuple):
    """Candidates in float32; queries are as they are."""

    errors: Floats  # [n], the most that a product can be off
    tiles: Floats  # [parts, dim, WIDTH]


Vectors = ForBytes | ForBlas


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array of a shape that starts at a line of the processor's caches.

    NumPy's do not: what takes 64 bytes at a time would load each half from another line. A large
    one is on huge pages where the system has them: of small ones, more would be in use than the
    processor knows the places of. Its values are any.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < HUGE:
        room = np.empty(size + LINE, np.uint8)
        first = -room.ctypes.data % LINE
    else:
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        pages = mmap.mmap(-1, -(-size // HUGE) * HUGE, flags=private)
        with suppress(AttributeError, OSError):  # a system without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE)
        room, first = np.frombuffer(pages, np.uint8), 0
    found: NDArray[Any] = room[first : first + size].view(dtype).reshape(shape)
    return found


def look(coarse: Vectors, held: Any, task: Any, block: tuple[int, int], part: int) -> None:
    """Add to what is `held` the candidates of a part whose ceilings reach their query's bar.

    The queries are those of a block; each has room for WIDTH candidates more.
    """


@compiled
def _set_leasts(coarse: ForBytes, held: Any, block: tuple[int, int], part: int) -> None:
    """Write down what a query's product with each tile of a part must not be below."""
    start, end = block
    bars = (held.bars[: end - start] - TINY) / coarse.units[start:end]
    lengths, losses = coarse.lengths[start:end], coarse.losses[start:end]
    for tile in range(TILES):
        inverse = np.float32(1) / coarse.tile_units[part, tile]
        numbers = inverse, coarse.tile_losses[part, tile], coarse.tile_lengths[part, tile]
        held.leasts[tile, end - start :] = HIGH
        _write_leasts(held.leasts[tile], bars, (lengths, losses), numbers)


@compiled
def _write_leasts(leasts: NDArray[np.int32], bars: Floats, queries: Any, tile: Any) -> None:
    """Write those of one tile: apart, as LLVM makes vectors of a loop so simple."""
    (lengths, losses), (inverse, tile_loss, tile_length) = queries, tile
    for at in range(len(bars)):
        least = bars[at] * inverse - (lengths[at] * tile_loss + losses[at] * tile_length)
        # What is cut off takes a number below zero up to the next: products are whole, too.
        leasts[at] = np.int32(max(min(least, np.float32(HIGH)), np.float32(LOW)))


# Both are put into their caller: that is 1.5 us a customer quicker than to call them. Rows are
# found by their addresses: Numba would count who uses an array cut out of another.
@partial(compiled, inline="always")
def _mark(coarse: ForBytes, held: Any, first: int, slot: int, part: int) -> None:
    """Write the products of some queries with a part, and a bit each: whether they reach bars."""
    steps, (whole, apart) = coarse.tiles.shape[2], coarse.tiles.strides[:2]
    length, wide = coarse.rows.strides[0], held.products.strides[0]
    for tile in range(TILES):
        queries = (
            coarse.rows.ctypes.data + first * length,
            length,
            held.leasts.ctypes.data + tile * held.leasts.strides[0] + 4 * slot,
        )
        candidates = (
            coarse.tiles.ctypes.data + part * whole + tile * apart,
            steps,
            coarse.starts.ctypes.data + 4 * (WIDTH * part + SIDE * tile),
        )
        found = (
            held.products.ctypes.data + 4 * SIDE * tile,
            wide,
            held.reached.ctypes.data + SIDE // 8 * tile,
            WIDTH // 8,
        )
        multiply(coarse.layout, queries, candidates, found)


# Numbers without a sign: Numba then does not look for indices below zero.
@partial(compiled, inline="always")
def _take(coarse: ForBytes, held: Any, task: Any, rows: tuple[int, int], part: int) -> None:
    """Hold what is marked of some queries, the first of which and its slot are given."""
    start, slot = np.uint64(rows[0]), np.uint64(rows[1])
    taken = np.uint64(0)
    # No branch waits for the words that are empty, as nearly all are.
    for word in range(len(held.reached)):
        held.words[taken] = np.uint64(word)
        taken += np.uint64(held.reached[word] != NONE)
    for place in range(taken):
        word = held.words[place]
        row, column, left = word // PER_ROW, word % PER_ROW * BITS, held.reached[word]
        query, own = start + row, slot + row
        size = np.uint64(held.sizes[own])
        while left:
            at = column + np.uint64(lowest_bit(left))
            left &= left - ONE
            tile = at // np.uint64(SIDE)
            error = coarse.lengths[query] * coarse.tile_losses[part, tile]
            error += coarse.losses[query] * coarse.tile_lengths[part, tile]
            raised = np.float32(held.products[row, at]) + error
            unit = coarse.units[query] * coarse.tile_units[part, tile]
            held.ceilings[own, size] = raised * unit
            held.keys[own, size] = task.keys[np.uint64(part * WIDTH) + at]
            size += ONE
        held.sizes[own] = size


@partial(compiled, inline="always")
def _ask_for_part(coarse: ForBytes, part: int, share: tuple[int, int]) -> None:
    """Ask the memory for a share of a part: the first of two numbers, of so many.

    What is behind the last part is not there: to ask for that does nothing.
    """
    size = coarse.tiles.strides[0]
    start, lines = coarse.tiles.ctypes.data + part * size, size // LINE
    for line in range(share[0] * lines // share[1], (share[0] + 1) * lines // share[1]):
        fetch(start + LINE * line)


@_by_type(look)
def _look_by_type(coarse: Any, held: Any, task: Any, block: Any, part: Any) -> Any:
    def by_bytes(coarse: Any, held: Any, task: Any, block: Any, part: Any) -> None:
        _set_leasts(coarse, held, block, part)
        groups = range(block[0], block[1], coarse.height)
        configure(coarse.layout)
        for group, first in enumerate(groups):
            _mark(coarse, held, first, first - block[0], part)
            _take(coarse, held, task, (first, first - block[0]), part)
            _ask_for_part(coarse, part + 1, (group, len(groups)))
        release(coarse.layout)

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

    return {ForBytes: by_bytes, ForBlas: by_blas}[coarse.instance_class]
