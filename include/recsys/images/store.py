"""Vectors on disk, found by the sha256 of their image."""

import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.images.matrix import BLOCK_ROWS, DIM, FloatArray

#: A shard is one `.npy` file of these, so that it appears whole or not at all.
ROW = np.dtype([("sha256", "S64"), ("vector", "<f4", (DIM,))])


class VectorStore:
    """Vectors by the sha256 of their image: earlier ones, and shards of new ones.

    Shards go to a scratch folder, so that a stopped run goes on where it was; the folder belongs to
    one generation of vectors. Only where each vector is stays in memory.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._places: dict[str, tuple[Path, int]] = {}
        for path in sorted(scratch.glob("*.npy")):
            self.remember(path, [sha.decode() for sha in _open(path)["sha256"]])

    def __contains__(self, sha256: str) -> bool:
        """Return whether the image has a vector."""
        return sha256 in self._places

    def remember(self, path: Path, sha256s: Sequence[str]) -> None:
        """Find the vectors of these images in a `.npy` file, one in each of its rows."""
        self._places.update((sha, (path, row)) for row, sha in enumerate(sha256s))

    def add(self, sha256s: Sequence[str], vectors: FloatArray) -> None:
        """Write a new shard, `[n, DIM]`."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        rows = np.empty(len(sha256s), ROW)
        rows["sha256"], rows["vector"] = sha256s, vectors
        path = self.scratch / f"{uuid.uuid4().hex}.npy"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, rows)
            os.fsync(file.fileno())
        part.rename(path)
        self.remember(path, sha256s)

    def take(self, sha256s: Sequence[str]) -> FloatArray:
        """Return the images' vectors in their order, `[n, DIM]`; KeyError: one has none."""
        taken = np.empty((len(sha256s), DIM), np.float32)
        places = defaultdict(list)
        for at, sha256 in enumerate(sha256s):
            path, row = self._places[sha256]
            places[path].append((at, row))
        for path, pairs in places.items():
            at, rows = np.array(pairs).T
            taken[at] = _vectors(path)[rows]
        return taken

    def blocks(self, sha256s: Sequence[str]) -> Iterator[FloatArray]:
        """Yield the images' vectors in their order, a block of rows at a time."""
        for start in range(0, len(sha256s), BLOCK_ROWS):
            yield self.take(sha256s[start : start + BLOCK_ROWS])

    def clear(self) -> None:
        """Remove the scratch folder, once the vectors are committed."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def _open(path: Path) -> npt.NDArray[Any]:
    """Return the rows of a file, which is mapped as long as they are held."""
    rows: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return rows


def _vectors(path: Path) -> FloatArray:
    """Return the vectors of a file of ROWs, or of nothing else."""
    found = _open(path)
    vectors: FloatArray = found["vector"] if found.dtype == ROW else found
    return vectors
