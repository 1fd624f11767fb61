"""Matrices larger than memory in `.npy` files, read and written a block of rows at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

#: The numbers of an image, as ResNet152 makes them.
DIM = 2048
#: Rows of a block: 8 MiB of 2048 numbers.
BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Matrix:
    """A float32 matrix in a `.npy` file.

    The file is mapped only while a block is copied: what was read does not stay in memory.
    """

    path: Path

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        with self.path.open("rb") as file:
            np.lib.format.read_magic(file)
            rows, columns = np.lib.format.read_array_header_1_0(file)[0]
        return rows, columns

    def blocks(self) -> Iterator[FloatArray]:
        """Yield the rows in their order, BLOCK_ROWS at a time."""
        for start in range(0, self.shape[0], BLOCK_ROWS):
            yield np.array(np.load(self.path, mmap_mode="r")[start : start + BLOCK_ROWS])

    def take(self, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Return the rows at these places, which are few."""
        return np.array(np.load(self.path, mmap_mode="r")[rows])

    @classmethod
    def write(cls, path: Path, blocks: Iterable[FloatArray], *, shape: tuple[int, int]) -> Self:
        """Write a matrix, as `np.save` does, of blocks that come one after the other.

        Raises:
            ValueError: they have not as many rows as the shape says.
        """
        rows = 0
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(np.ascontiguousarray(block, "<f4").data)
                rows += len(block)
        if rows != shape[0]:
            raise ValueError(f"{path} was to have {shape[0]} rows, and got {rows}")
        return cls(path)
