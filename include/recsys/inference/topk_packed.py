"""Vectors in bytes for `top_k`, and how far they have moved; compiled."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.topk_units import Floats, aligned

Lengths = NDArray[np.float64]

#: A vector without larger values is taken for zero: its unit would have no reciprocal.
SMALLEST = np.float32(1e-30)


class Packed(NamedTuple):
    """Vectors in bytes, as near as these come: value = byte * unit."""

    values: NDArray[np.int8]  # [>= n, deep]
    units: Floats  # [n], a 127th of each vector's largest value
    lengths: Lengths  # [n], of the vectors
    losses: Lengths  # [n], lengths of what they have moved by

    @staticmethod
    def of(rows: Floats, shape: tuple[int, int]) -> "Packed":
        """Return rows [n, dim], filled up with zeros to a shape.

        The length of a vector with NaN or infinity in it is not finite.
        """
        values: NDArray[np.int8] = aligned(shape, np.int8)
        values[:] = 0
        numbers = np.empty(len(rows)), np.empty(len(rows))
        packed = Packed(values, np.empty(len(rows), np.float32), *numbers)
        _pack(np.ascontiguousarray(rows), packed)
        return packed


@partial(compiled, fastmath={"reassoc", "contract"})
def _pack(rows: Floats, packed: Packed) -> None:
    """Write what becomes of rows [n, dim]."""
    words = rows.view(np.uint32)
    for row in range(len(rows)):
        largest = np.uint32(0)  # among floats without their signs, bits rise with the numbers
        for dim in range(rows.shape[1]):
            largest = max(largest, words[row, dim] & np.uint32(0x7FFFFFFF))
        packed.units[row : row + 1].view(np.uint32)[0] = largest
        unit = packed.units[row]
        unit = unit / np.float32(127) if unit > SMALLEST else np.float32(1)
        length = loss = 0.0
        for dim in range(rows.shape[1]):
            value = rows[row, dim]
            near = np.rint(value / unit)
            packed.values[row, dim] = np.int8(near)
            length += np.float64(value) ** 2
            loss += (np.float64(value) - np.float64(near) * np.float64(unit)) ** 2
        packed.units[row] = unit
        packed.lengths[row], packed.losses[row] = np.sqrt(length), np.sqrt(loss)
