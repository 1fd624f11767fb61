"""One check's outcome, and a table of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from recsys.config import Band, Limits
from recsys.schemas import CHECKS


class Status(StrEnum):
    """What follows from a check: nothing, a line in the log, or that the run stops."""

    OK = "ok"
    WARNING = "warning"
    BREACH = "breach"


@dataclass(frozen=True)
class Histogram:
    """How the values of a column are spread; what the next night compares with.

    Of numbers, `edges` e_1 < ... < e_n make the bins (-inf, e_1], (e_1, e_2], ..., (e_n, inf); of
    categories, one bin each and one for all others. A last bin counts the nulls.
    """

    counts: tuple[int, ...]
    edges: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """How many rows were counted, nulls too."""
        return sum(self.counts)


@dataclass(frozen=True)
class Check:
    """One row of `schemas.CHECKS`."""

    dataset: str
    check: str
    column: str | None
    status: Status
    #: None: there was nothing to judge.
    value: float | None
    #: The nearest bounds, None where there is none.
    lower: float | None
    upper: float | None
    message: str
    histogram: Histogram | None = None


def judge(
    dataset: str,
    check: str,
    value: float | None,
    limits: Limits,
    message: str,
    *,
    column: str | None = None,
    histogram: Histogram | None = None,
) -> Check:
    """Return the outcome of a figure under its limits; None is no figure, and passes.

    Args:
        dataset: the table or raw file.
        check: the name of the limits below `checks` in the configuration.
        value: the figure.
        limits: where it is right.
        message: what was found, as words; the subject is put before it, and after it what was
            expected, where that is something else.
        column: the column that the figure is of.
        histogram: for the checks of the next night.
    """
    status, band = _status(value, limits)
    subject = dataset if column is None else f"{dataset}.{column}"
    text = f"{subject}: {message}"
    if status is not Status.OK:
        text += f"; expected {band} (checks.{check})"
    return Check(dataset, check, column, status, value, band.low, band.high, text, histogram)


def _status(value: float | None, limits: Limits) -> tuple[Status, Band]:
    nearest = Band(
        low=limits.breach.low if limits.warning.low is None else limits.warning.low,
        high=limits.breach.high if limits.warning.high is None else limits.warning.high,
    )
    if value is None:
        return Status.OK, nearest
    if not limits.breach.holds(value):
        return Status.BREACH, limits.breach
    return (Status.OK if limits.warning.holds(value) else Status.WARNING), nearest


def to_table(checks: Iterable[Check]) -> pa.Table:
    """Return checks as `schemas.CHECKS`."""
    return pa.Table.from_pylist([_to_row(check) for check in checks], schema=CHECKS)


def from_table(table: pa.Table) -> list[Check]:
    """Return the checks of a table that `to_table` made."""
    return [_from_row(row) for row in table.to_pylist()]


def count_by_status(checks: Iterable[Check]) -> dict[str, int]:
    """Return how many checks have each status, all three named."""
    found = [check.status for check in checks]
    return {str(status): found.count(status) for status in Status}


def _to_row(check: Check) -> dict[str, Any]:
    histogram = check.histogram
    row = {name: getattr(check, name, None) for name in CHECKS.names} | {"status": check.status}
    if histogram is not None:
        row |= {name: getattr(histogram, name) for name in ("edges", "categories", "counts")}
    return row


def _from_row(row: dict[str, Any]) -> Check:
    row = dict(row)
    edges, categories, counts = (row.pop(name) for name in ("edges", "categories", "counts"))
    histogram = None
    if counts is not None:
        histogram = Histogram(
            tuple(counts),
            edges=None if edges is None else tuple(edges),
            categories=None if categories is None else tuple(categories),
        )
    return Check(**{**row, "status": Status(row["status"])}, histogram=histogram)
