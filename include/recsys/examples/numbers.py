"""Numeric columns, straightened and standardised by statistics of training."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Float32 = npt.NDArray[np.float32]
Transform = Literal["none", "log1p", "log"]


@dataclass(frozen=True)
class Number:
    """One standardised column: transform, clip to [low, high] as training saw, centre, scale.

    A value beyond the range of training becomes the nearest that was seen, so that a column that
    drifts (a month, a total) never takes the networks where they were not trained.
    """

    name: str
    transform: Transform
    low: float
    high: float
    mean: float
    scale: float

    def apply(self, values: Float32) -> Float32:
        """Return standardised values [rows]; NaN becomes 0, the mean, and a constant column 0."""
        z = (np.clip(straighten(values, self.transform), self.low, self.high) - self.mean) / (
            self.scale
        )
        return np.nan_to_num(z, nan=0.0).astype(np.float32)


def straighten(values: npt.NDArray[Any], transform: Transform) -> npt.NDArray[np.float64]:
    """Return log(1 + x), log(x) with x at least 1e-6, or x; NaN stays NaN."""
    x = np.asarray(values, np.float64)
    if transform == "log1p":
        return np.asarray(np.log1p(np.maximum(x, 0)))
    if transform == "log":
        return np.asarray(np.log(np.maximum(x, 1e-6)))
    return x


def fit_number(name: str, transform: Transform, values: npt.NDArray[Any]) -> Number:
    """Return the statistics of values [rows]; with no known one, or a single, all encode to 0."""
    x = straighten(values, transform)
    x = x[~np.isnan(x)]
    if not len(x):
        return Number(name, transform, 0.0, 0.0, 0.0, 1.0)
    low, high = float(x.min()), float(x.max())
    scale = float(x.std())
    return Number(name, transform, low, high, float(x.mean()), scale if scale > 1e-9 else 1.0)


def floats(column: pa.ChunkedArray) -> Float32:
    """Return a numeric or Boolean column as float32 [rows], null as NaN."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    return np.asarray(pc.cast(column, pa.float32()).to_numpy(), np.float32)
