"""Reduce image vectors to the few directions that hold most of their variance."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reduction:
    """A fitted projection from `dim` numbers to `p`; p is 0 where nothing varies."""

    mean: FloatArray  # [dim]
    components: FloatArray  # [p, dim], orthonormal rows, the largest variance first
    explained_variance_ratio: FloatArray  # [p], shares of the whole variance

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return the vectors `[n, dim]` reduced to `[n, p]`."""
        reduced = (vectors - self.mean) @ self.components.T
        return reduced.astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the three arrays as one .npz file."""
        np.savez(
            path,
            mean=self.mean,
            components=self.components,
            explained_variance_ratio=self.explained_variance_ratio,
        )


def fit_reduction(vectors: FloatArray, *, variance: float, max_components: int) -> Reduction:
    """Return the smallest projection that keeps `variance` (a share) of the vectors' variance.

    At most `max_components` wide, whatever the variance asks for. The sign of each component is
    fixed (scikit-learn's rule): its largest loading, by size, is positive. No vector, one vector
    or equal vectors give a projection to nothing (p = 0).
    """
    count, dim = vectors.shape
    # Double precision: the covariance of large vectors cancels badly in single.
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0) if count else np.zeros(dim)
    limit = min(max_components, count - 1, dim)
    if limit < 1 or not np.ptp(wide, axis=0).any():
        nothing = np.zeros((0, dim), np.float32)
        return Reduction(mean.astype(np.float32), nothing, np.zeros(0, np.float32))
    solver = "covariance_eigh" if count > dim else "full"
    fitted = PCA(n_components=limit, svd_solver=solver).fit(wide)
    ratio = fitted.explained_variance_ratio_
    # The last component that varies at all is enough for a share of 1.
    kept = min(limit, int(np.searchsorted(np.cumsum(ratio), variance - 1e-9)) + 1)
    return Reduction(
        mean.astype(np.float32),
        fitted.components_[:kept].astype(np.float32),
        ratio[:kept].astype(np.float32),
    )
