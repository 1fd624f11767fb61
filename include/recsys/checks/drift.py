"""How the values of a feature are spread, and how far that moved since the night before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.checks.result import Check, Histogram, judge
from recsys.config import DriftConfig

#: An empty bin counts as this share: its logarithm would be infinite.
LEAST_SHARE = 1e-4


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column is binned by quantiles."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_category(kind: pa.DataType) -> bool:
    """Return whether a column is binned by value."""
    return bool(pa.types.is_string(kind) or pa.types.is_boolean(kind))


def build_histogram(values: pa.ChunkedArray, config: DriftConfig) -> Histogram:
    """Return the histogram of numbers by their own quantiles, of categories by frequency.

    Quantiles that fall on one value make one bin: a column that is mostly zero has few.
    """
    if is_number(values.type):
        numbers = _numbers(values)
        known = numbers[~np.isnan(numbers)]
        shares = np.linspace(0, 1, config.bins + 1)[1:-1]
        edges = np.unique(np.quantile(known, shares, method="lower")) if len(known) else known
        return _count_numbers(numbers, tuple(map(float, edges)))
    counted = _count_values(values)
    ordered = sorted(counted, key=lambda name: (-counted[name], name))
    return _count_categories(values, tuple(ordered[: config.categories]))


def count_into(values: pa.ChunkedArray, bins: Histogram) -> Histogram:
    """Return the histogram of the values over another one's bins."""
    if bins.edges is not None:
        return _count_numbers(_numbers(values), bins.edges)
    return _count_categories(values, bins.categories or ())


def population_stability(before: Histogram, now: Histogram) -> float:
    """Return the PSI of two histograms over the same bins: sum of (q - p) ln(q / p).

    p and q are a bin's shares before and now. It is 0 where nothing moved, and the same both ways.

    >>> half, quarter = Histogram((50, 50), edges=()), Histogram((25, 75), edges=())
    >>> round(population_stability(half, quarter), 4)
    0.2747
    """
    p, q = (
        np.maximum(np.array(h.counts, float) / max(h.rows, 1), LEAST_SHARE) for h in (before, now)
    )
    return float(((q - p) * np.log(q / p)).sum())


@dataclass(frozen=True)
class Drift:
    """The check of one feature, and what it compared: two histograms over the same bins."""

    check: Check
    now: Histogram
    before: Histogram | None


def check_drift(
    dataset: str,
    column: str,
    values: pa.ChunkedArray,
    before: Histogram | None,
    config: DriftConfig,
) -> Drift:
    """Return the drift of one feature; its check carries the histogram for the night after."""
    own = build_histogram(values, config)
    if before is None or (before.edges is None) != (own.edges is None):
        now, before, psi, message = own, None, None, "nothing to compare with yet"
    else:
        now, fewest = count_into(values, before), min(before.rows, own.rows)
        psi = population_stability(before, now) if fewest >= config.least_rows else None
        message = (
            f"not judged: {fewest} rows, and checks.drift.least_rows is {config.least_rows}"
            if psi is None
            else f"PSI {psi:.3f} against the check before"
        )
    check = judge(dataset, "drift.psi", psi, config.psi, message, column=column, histogram=own)
    return Drift(check, now, before)


def _numbers(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return numbers, NaN for null."""
    return np.asarray(pc.cast(values, pa.float64()).to_numpy(), dtype=np.float64)


def _count_numbers(numbers: npt.NDArray[np.float64], edges: tuple[float, ...]) -> Histogram:
    known = numbers[~np.isnan(numbers)]
    places = np.searchsorted(np.array(edges, np.float64), known, side="left")
    counts = [*np.bincount(places, minlength=len(edges) + 1), len(numbers) - len(known)]
    return Histogram(tuple(map(int, counts)), edges=edges)


def _count_categories(values: pa.ChunkedArray, categories: tuple[str, ...]) -> Histogram:
    counted = _count_values(values)
    named = [counted.get(name, 0) for name in categories]
    other = len(values) - values.null_count - sum(named)
    return Histogram((*named, other, values.null_count), categories=categories)


def _count_values(values: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(pc.cast(values, pa.string()).drop_null())
    return {row["values"]: row["counts"] for row in counted.to_pylist()}
