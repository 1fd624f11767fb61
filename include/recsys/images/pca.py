"""Reduce image vectors to the few directions that hold most of their variance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from recsys.images.matrix import FloatArray, Matrix

#: So many vectors are decomposed themselves, which is quicker than their covariance.
FEW = 256

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reduction:
    """A fitted projection from `dim` numbers to `p`; p is 0 where nothing varies."""

    mean: FloatArray  # [dim]
    components: FloatArray  # [p, dim], orthonormal rows, the largest variance first
    explained_variance_ratio: FloatArray  # [p], shares of the whole variance

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return the vectors `[n, dim]` reduced to `[n, p]`."""
        reduced = (vectors.astype(np.float64) - self.mean) @ self.components.T
        return reduced.astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the three arrays as one .npz file."""
        np.savez(
            path,
            mean=self.mean,
            components=self.components,
            explained_variance_ratio=self.explained_variance_ratio,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**arrays)


def fit_reduction(vectors: Matrix, *, variance: float, max_components: int) -> Reduction:
    """Return the smallest projection that keeps `variance` (a share) of the vectors' variance.

    At most `max_components` wide, whatever the variance asks for. The sign of each component is
    fixed (scikit-learn's rule): its largest loading, by size, is positive. No vector, one vector
    or equal vectors give a projection to nothing (p = 0).

    Memory holds the covariance, `[dim, dim]`, and a block of vectors.
    """
    count, dim = vectors.shape
    limit = min(max_components, count - 1, dim)
    mean, variances, directions = (_few if count <= FEW else _many)(vectors)
    total = variances.sum()
    if limit < 1 or total <= 0:
        nothing = np.zeros((0, dim), np.float32)
        return Reduction(mean.astype(np.float32), nothing, np.zeros(0, np.float32))
    ratio = variances[:limit] / total
    # The last component that varies at all is enough for a share of 1.
    kept = min(limit, int(np.searchsorted(np.cumsum(ratio), variance - 1e-9)) + 1)
    return Reduction(
        mean.astype(np.float32),
        _signed(directions[:kept]).astype(np.float32),
        ratio[:kept].astype(np.float32),
    )


def _few(vectors: Matrix) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the mean, and the largest variances with their directions, of vectors in memory."""
    wide = np.concatenate([np.zeros((0, vectors.shape[1])), *vectors.blocks()])
    if not len(wide):
        return np.zeros(wide.shape[1]), np.zeros(0), wide
    first = wide[0].copy()
    wide -= first
    mean = wide.mean(axis=0)
    _, singular, directions = np.linalg.svd(wide - mean, full_matrices=False)
    return first + mean, singular**2, directions


def _many(vectors: Matrix) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the same of vectors that are read in one pass, by their covariance.

    Differences from the first vector are summed, in double precision: sums of large vectors
    themselves would cancel badly, and those of equal vectors not to zero.
    """
    count, dim = vectors.shape
    first, mean, scatter = np.zeros(dim), np.zeros(dim), np.zeros((dim, dim))
    for number, block in enumerate(vectors.blocks()):
        wide = block.astype(np.float64)
        if number == 0:
            first = wide[0].copy()
        wide -= first
        mean += wide.sum(axis=0) / count
        scatter += wide.T @ wide
    scatter -= count * np.outer(mean, mean)
    variances, directions = np.linalg.eigh(scatter)  # the smallest first
    return first + mean, np.maximum(variances[::-1], 0), directions.T[::-1]


def _signed(components: DoubleArray) -> DoubleArray:
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    signed: DoubleArray = components * signs[:, None]
    return signed
