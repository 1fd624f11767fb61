"""Ceilings for `top_k`: coarse scores, raised by how far they can be off; and the search by them.

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
from recsys.inference.ragged import Keys, rising
from recsys.inference.topk_exact import Codes
from recsys.inference.topk_held import Task, hold
from recsys.inference.topk_instructions import QUAD, ROWS, SIDE, has_vnni
from recsys.inference.topk_kernel import search
from recsys.inference.topk_packed import Lengths, Packed
from recsys.inference.topk_units import (
    BLOCK,
    TINY,
    WIDTH,
    Floats,
    ForBlas,
    ForVnni,
    Vectors,
    aligned,
)
from recsys.threads import in_threads

#: Four times what float32 loses of a product of two lengths for each dim added, in any order.
LOSS = 2.0**-22
#: A guess of a bar is below a ceiling by so many times what the ceiling was raised by.
MARGIN = 1.1
#: Parts of the candidates that a thread packs at a time.
PARTS = 32
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
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Codes
    ) -> None:
        """Write the codes of the best `k` of queries [n, dim] to `found` [n, k].

        `excluded` are offsets [>= n + 1] and keys, row by row.
        """

    def one_thread_each(self) -> AbstractContextManager[object]:
        """Return a context in which a search does not start threads of its own."""


def coarse_scores(candidates: Floats, keys: Keys) -> Coarse:
    """Return the candidates [a, dim] that `keys` [m] name, for the fastest unit there is."""
    return Bytes(candidates, keys) if has_vnni() else Blas(candidates, keys)


class Bytes:
    """Products of vectors in bytes, by AVX-512 VNNI: one or two percent of their lengths off.

    A product of bytes is off by no more than `(|q| + loss_q) loss + loss_q most` in units of the
    two, `loss` and `most` being the largest loss and length of a candidate in units of its own.
    """

    def __init__(self, candidates: Floats, keys: Keys) -> None:
        self.candidates, self.keys = aligned(candidates.shape, np.float32), keys
        self.candidates[:] = candidates
        self.deep = -(-candidates.shape[1] // SIDE) * SIDE
        parts = -(-len(keys) // WIDTH)
        self.tiles = aligned((parts, WIDTH // SIDE, self.deep // SIDE, SIDE * SIDE), np.int8)
        self.starts = np.full((parts, WIDTH), NOBODY, np.int32)
        self.units = np.full((parts, WIDTH), np.inf, np.float32)
        self.names = np.zeros((parts, WIDTH), np.int32)
        found = np.array([*in_threads(self._pack, range(0, parts, PARTS))])
        # The largest length of a candidate, and in bytes that of a candidate and of a loss.
        self.longest, self.most, self.loss = found.max(axis=0)
        taken = self.units[self.starts != NOBODY]
        self.usual_unit, self.largest_unit = taken.mean(), taken.max()
        # Zero where nobody stands: no bar, however low, is then below the sums there.
        self.inverses = np.reciprocal(self.units)

    def _pack(self, first: int) -> tuple[float, float, float]:
        """Lay out PARTS of the candidates.

        Returns the largest of their lengths, in float32 and in bytes, and of their losses in bytes.
        """
        parts = slice(first, first + PARTS)
        names = self.keys[first * WIDTH : (first + PARTS) * WIDTH]
        tiles = self.tiles[parts].view(np.uint32)  # a quad is a word
        count, halves, steps = tiles.shape[:3]
        packed = Packed.of(self.candidates[names], (count * WIDTH, self.deep))
        lengths = _check(packed.lengths)
        # A row of bytes a candidate becomes, for each quad of dims, a row of SIDE candidates.
        words = packed.values.view(np.uint32).reshape(count, halves, 2, 16, steps, SIDE // QUAD)
        tiles.reshape(count, halves, steps, SIDE // QUAD, 2, 16)[:] = words.transpose(
            0, 1, 4, 5, 2, 3
        )
        starts = -MOVED * packed.values[: len(names)].sum(axis=1, dtype=np.int32)
        for places, numbers in (
            (self.starts, starts), (self.units, packed.units), (self.names, names)
        ):  # fmt: skip
            places[parts].reshape(-1)[: len(names)] = numbers
        return lengths.max(), (lengths / packed.units).max(), (packed.losses / packed.units).max()

    def search(
        self, queries: Floats, excluded: tuple[NDArray[np.int64], Keys], k: int, found: Codes
    ) -> None:
        """See `Coarse`."""
        packed = Packed.of(queries, (len(queries) + ROWS, self.deep))
        units, lengths, losses = packed.units, _check(packed.lengths), packed.losses
        errors = ((lengths + losses) * self.loss + losses * self.most) / units
        errors += self.deep * 127**2 * LOSS
        margin = MARGIN * errors * units * self.usual_unit
        reach = lengths * self.longest + 2 * errors * units * self.largest_unit + TINY
        reach, margin, errors = _floats(reach, margin, errors)
        task = Task(queries, self.candidates, self.keys, reach, margin, *excluded, k, found)
        rows = packed.values.view(np.uint8) + np.uint8(MOVED)
        errors, units = (np.pad(each, (0, ROWS), constant_values=1) for each in (errors, units))
        candidates = self.tiles, self.starts, self.units, self.inverses, self.names
        _by_blocks(task, ForVnni(rows, errors, units, *candidates))

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`."""
        return nullcontext()


class Blas:
    """Products in float32."""

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
        products = _lengths(queries) * self.longest
        errors = (queries.shape[1] + 8) * LOSS * products + TINY
        reach, margin, errors = _floats(products + 2 * errors, MARGIN * errors, errors)
        task = Task(queries, self.candidates, self.keys, reach, margin, *excluded, k, found)
        _by_blocks(task, ForBlas(errors, self.columns))

    def one_thread_each(self) -> AbstractContextManager[object]:
        """See `Coarse`; the number of before is set again afterwards."""
        return _one_blas_thread()


def _by_blocks(task: Task, coarse: Vectors) -> None:
    """Search for blocks of queries; each whose bar was guessed too high is searched for again."""
    held = hold(task)
    for start in range(0, len(task.queries), BLOCK):
        block = (start, min(start + BLOCK, len(task.queries)))
        for query in search(task, coarse, held, block, True):
            # Without guesses no bar is too high, and nothing is missed.
            search(task, coarse, held, (int(query), int(query) + 1), False)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # One search at a time: two would each take the other's limit for the number of before.
    with BLAS, threadpool_limits(1, user_api="blas"):
        yield


def encode(keys: Keys, scores: Floats) -> Codes:
    """Return whole numbers that rise as a score falls and, among equal ones, as the key rises."""
    return np.asarray(keys - (rising(scores).astype(np.int64) << 32))


def decode(codes: Codes) -> tuple[Keys, Floats]:
    """Return the keys and scores of codes."""
    rising = -(codes >> 32)
    bits = np.where(rising < 0, rising ^ 0x7FFFFFFF, rising).astype(np.int32)
    return (codes & 0xFFFFFFFF).astype(np.int32), bits.view(np.float32)


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
