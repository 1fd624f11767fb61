"""Ceilings for `top_k`: coarse scores, raised by how far they can be off; and the search by them.

With a dash for a rounded vector, |q x - q' x'| <= |q - q'| |x| + |q'| |x - x'|, beside what summing
in float32 loses. All lengths on the right are measured; of the candidates of a tile, the largest
are taken.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.errors import DataError
from recsys.inference.ragged import Keys
from recsys.inference.topk_held import Held, Task, hold
from recsys.inference.topk_instructions import (
    DEPTH,
    LAYOUT,
    QUAD,
    ROWS,
    SIDE,
    TALL,
    has_matrix_unit,
    has_vnni,
)
from recsys.inference.topk_kernel import search
from recsys.inference.topk_packed import Lengths, Packed, pack_tiles, real_units, units_of
from recsys.inference.topk_units import (
    BLOCK,
    TILES,
    TINY,
    WIDTH,
    Floats,
    ForBlas,
    ForBytes,
    Vectors,
    aligned,
)

#: Keys and scores, [n, k].
Found = tuple[Keys, Floats]
#: What no search holds at the moment, by `k`.
Spare = defaultdict[int, list[Held]]

#: Four times what float32 loses of a product of two lengths for each dim added, in any order.
LOSS = 2.0**-22
#: A guess of a bar is below a ceiling by so many times what the ceiling was raised by.
MARGIN = 1.1
#: By how much bytes are moved up to have no sign.
MOVED = 128
#: Where sums of products start for a place without a candidate.
NOBODY = np.int32(-(2**30))
#: Held while BLAS is limited.
BLAS = Lock()
#: Vectors this long have no dot product beyond float32.
LONGEST = 1e18


class Coarse(Protocol):
    """Candidates, ready to be searched."""

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Found
    ) -> None:
        """Write the best `k` of queries [n, dim], keys and scores, to `found`, both [n, k].

        `excluded` are offsets [>= n + 1] and keys, row by row.
        """

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Return a context in which a search does not start threads of its own."""


def coarse_scores(candidates: Floats, keys: Keys) -> Coarse:
    """Return the candidates [a, dim] that `keys` [m] name, for the fastest unit there is."""
    return Bytes(candidates, keys) if has_vnni() else Blas(candidates, keys)


class Bytes:
    """Products of vectors in bytes, by AVX-512 VNNI or AMX: one or two percent of lengths off."""

    def __init__(self, candidates: Floats, keys: Keys) -> None:
        self.spare: Spare = defaultdict(list)
        self.candidates = aligned(candidates.shape, np.float32)
        self.candidates[:] = candidates
        units = units_of(self.candidates)
        self.keys = _by_units(keys, units)
        parts, (_, dim) = -(-len(keys) // WIDTH), candidates.shape
        # Of half a step, vectors are as fast.
        is_by_tiles = dim > SIDE and has_matrix_unit()
        self.layout = LAYOUT if is_by_tiles else None
        self.height, step = (TALL, DEPTH) if is_by_tiles else (ROWS, SIDE)
        self.deep = -(-dim // step) * step
        self.tiles = aligned((parts, TILES, self.deep // step, step * SIDE), np.int8)
        self.tiles[:] = 0
        self.starts = np.full(parts * WIDTH, NOBODY, np.int32)
        largest = np.maximum.reduceat(units[self.keys], np.arange(0, len(keys), SIDE))
        filled = len(largest)  # the last tiles may be empty
        self.units = np.ones(parts * TILES, np.float32)
        self.units[:filled] = real_units(largest)
        lengths, losses = np.zeros(parts * TILES), np.zeros(parts * TILES)
        words = self.tiles.view(np.uint32).reshape(-1, self.deep // QUAD, SIDE)
        found = self.starts, lengths, losses
        pack_tiles(self.candidates, self.keys, self.units, words, found)
        self.starts[: len(keys)] *= -MOVED
        self.longest = _check(lengths).max()
        # What float32 loses is among the losses: no query is shorter than 127 of its units.
        losses += self.deep * 127 * LOSS * self.units
        # A loss and a length of a tile, as a rule and at most.
        self.usual, self.largest = (
            (of(losses[:filled]), of(lengths[:filled])) for of in (np.mean, np.max)
        )
        self.lengths, self.losses = _floats(lengths / self.units, losses / self.units)

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Found
    ) -> None:
        """See `Coarse`."""
        packed = Packed.of(queries, (len(queries) + self.height, self.deep))
        units, lengths, losses = packed.units, _check(packed.lengths), packed.losses
        moved = lengths + losses
        usual, largest = (
            moved * loss + losses * length for loss, length in (self.usual, self.largest)
        )
        reach, margin = _floats(lengths * self.longest + 2 * largest + TINY, MARGIN * usual)
        task = Task(queries, self.candidates, self.keys, reach, margin, *excluded, k, *found)
        rows = packed.values.view(np.uint8) + np.uint8(MOVED)
        own_lengths, own_losses = _floats(moved / units, losses / units)
        tiles: Any = (each.reshape(-1, TILES) for each in (self.units, self.lengths, self.losses))
        candidates = self.tiles, self.starts.reshape(-1, WIDTH), *tiles
        unit = self.layout, self.height
        coarse = ForBytes(*unit, rows, units, own_lengths, own_losses, *candidates)
        _by_blocks(task, coarse, self.spare[k], height=self.height)

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`."""
        return nullcontext()


class Blas:
    """Products in float32."""

    def __init__(self, candidates: Floats, keys: Keys) -> None:
        self.spare: Spare = defaultdict(list)
        self.candidates, self.keys = candidates, keys
        self.longest = 0.0
        parts = range(0, len(keys), WIDTH)
        self.columns = np.zeros((len(parts), candidates.shape[1], WIDTH), np.float32)
        for columns, first in zip(self.columns, parts, strict=True):
            rows = candidates[keys[first : first + WIDTH]]
            columns[:, : len(rows)] = rows.T
            self.longest = max(self.longest, _lengths(rows).max())

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Found
    ) -> None:
        """See `Coarse`."""
        products = _lengths(queries) * self.longest
        errors = (queries.shape[1] + 8) * LOSS * products + TINY
        reach, margin, errors = _floats(products + 2 * errors, MARGIN * errors, errors)
        task = Task(queries, self.candidates, self.keys, reach, margin, *excluded, k, *found)
        _by_blocks(task, ForBlas(errors, self.columns), self.spare[k], height=1)

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`; the number of before is set again afterwards."""
        return _one_blas_thread()


def _by_blocks(task: Task, coarse: Vectors, spare: list[Held], *, height: int) -> None:
    """Search for blocks of queries; each whose bar was guessed too high is searched for again.

    What is held is taken from `spare`, if there is any, and left there for the next search.
    """
    held = spare.pop() if spare else hold(task, height)
    for start in range(0, len(task.queries), BLOCK):
        block = (start, min(start + BLOCK, len(task.queries)))
        for query in search(task, coarse, held, block, True):
            # Without guesses no bar is too high, and nothing is missed.
            search(task, coarse, held, (int(query), int(query) + 1), False)
    spare.append(held)


def _by_units(keys: Keys, units: Floats) -> Keys:
    """Return keys in an order in which, of each part, those with like units follow each other."""
    whole = len(keys) // WIDTH * WIDTH
    parts, rest = keys[:whole].reshape(-1, WIDTH), keys[whole:]
    parts = np.take_along_axis(parts, units[parts].argsort(axis=1), axis=1)
    return np.concatenate([parts.ravel(), rest[units[rest].argsort()]])


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # One search at a time: two would each take the other's limit for the number of before.
    with BLAS, threadpool_limits(1, user_api="blas"):
        yield


def _lengths(rows: Floats) -> Lengths:
    """Return the lengths of vectors [n, dim], in float64, after checking them."""
    return _check(np.asarray(np.linalg.norm(rows.astype(np.float64), axis=1)))


def _check(lengths: Lengths) -> Lengths:
    if not (lengths < LONGEST).all():
        raise DataError(
            f"top_k expects finite vectors no longer than {LONGEST:g}, found one of length "
            f"{lengths.max():g}: look at what the model was given, and train it again"
        )
    return lengths


def _floats(*numbers: Lengths) -> tuple[Floats, ...]:
    return tuple(each.astype(np.float32) for each in numbers)
