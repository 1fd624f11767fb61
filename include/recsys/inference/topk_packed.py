"""Vectors in bytes for `top_k`, and how far they have moved; compiled."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import ask_ahead
from recsys.inference.topk_instructions import SIDE
from recsys.inference.topk_units import Floats, aligned

Lengths = NDArray[np.float64]

#: Units that are not larger have no reciprocal.
SMALLEST = np.float32(1e-32)


class Packed(NamedTuple):
    """Vectors in bytes, as near as these come: value = byte * unit."""

    values: NDArray[np.int8]  # [>= n, deep], a row a vector
    units: Floats  # [n], a 127th of each vector's largest value
    lengths: Lengths  # [n], of the vectors
    losses: Lengths  # [n], lengths of what they have moved by

    @staticmethod
    def of(rows: Floats, shape: tuple[int, int]) -> "Packed":
        """Return rows [n, dim], filled up with zeros to a shape.

        The length of a vector with NaN or infinity in it is not finite.
        """
        rows = np.ascontiguousarray(rows)
        values: NDArray[np.int8] = aligned(shape, np.int8)
        values[:] = 0
        numbers = np.empty(len(rows)), np.empty(len(rows))
        packed = Packed(values, real_units(units_of(rows)), *numbers)
        _pack(rows, packed)
        return packed


@compiled
def units_of(rows: Floats) -> Floats:
    """Return a 127th of the largest value of each vector, [n] for rows [n, dim]."""
    words, units = rows.view(np.uint32), np.empty(len(rows), np.float32)
    bits = units.view(np.uint32)
    for row in range(len(rows)):
        largest = np.uint32(0)  # among floats without their signs, bits rise with the numbers
        for dim in range(rows.shape[1]):
            largest = max(largest, words[row, dim] & np.uint32(0x7FFFFFFF))
        bits[row] = largest
    return units / np.float32(127)


def real_units(units: Floats) -> Floats:
    """Return units that have a reciprocal: 1 for those of vectors that are taken for zero."""
    return np.where(units > SMALLEST, units, np.float32(1))


@compiled
def _pack(rows: Floats, packed: Packed) -> None:
    """Write what becomes of rows [n, dim]."""
    for row in range(len(rows)):
        _, length, loss = _to_bytes(rows, row, packed.units[row], packed.values[row])
        packed.lengths[row], packed.losses[row] = length, loss


@compiled
def pack_tiles(
    candidates: Floats, keys: Keys, units: Floats, tiles: NDArray[np.uint32], found: Any
) -> None:
    """Lay out candidates, SIDE a tile, in bytes; write what is to be known of them.

    Args:
        candidates: [a, dim].
        keys: [n], rows of `candidates`, in their order in the tiles.
        units: [tiles], each no less than that of its candidates.
        tiles: [tiles, quads, SIDE], zeros where there is no candidate or dim; a word is four bytes.
        found: written: sums of bytes, int32 [>= n], and the largest length and loss in each tile,
            float64 [tiles], zeros before; infinity for a length that is not finite.
    """
    sums, lengths, losses = found
    values = np.zeros(4 * tiles.shape[1], np.int8)
    words = values.view(np.uint32)
    for at in range(len(keys)):
        tile, place = at // SIDE, at % SIDE
        ask_ahead(candidates, keys, at)
        total, length, loss = _to_bytes(candidates, keys[at], units[tile], values)
        for quad in range(len(words)):
            tiles[tile, quad, place] = words[quad]
        # What is not a number stays the largest.
        lengths[tile] = max(lengths[tile], length if length < np.inf else np.inf)
        losses[tile] = max(losses[tile], loss)
        sums[at] = total


@partial(compiled, fastmath={"reassoc", "contract"})
def _to_bytes(rows: Floats, row: int, unit: Any, values: NDArray[np.int8]) -> Any:
    """Write a vector in bytes; return their sum, its length and the length of what it moved by."""
    length = loss = 0.0
    total = np.int32(0)
    for dim in range(rows.shape[1]):
        value = rows[row, dim]
        near = np.rint(value / unit)
        values[dim] = np.int8(near)
        total += np.int32(near)
        length += np.float64(value) ** 2
        loss += (np.float64(value) - np.float64(near) * np.float64(unit)) ** 2
    return total, np.sqrt(length), np.sqrt(loss)
