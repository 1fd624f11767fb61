"""Judging a figure, and results as a table."""

import pytest

from recsys.checks.result import (
    Check,
    Histogram,
    Status,
    count_by_status,
    from_table,
    judge,
    to_table,
)
from recsys.config import Band, Limits
from recsys.schemas import CHECKS

LIMITS = Limits(warning=Band(low=2, high=4), breach=Band(low=1, high=9))


@pytest.mark.parametrize(
    ("value", "status", "bounds"),
    [
        (0.9, "breach", (1, 9)),
        (1.0, "warning", (2, 4)),
        (1.9, "warning", (2, 4)),
        (2.0, "ok", (2, 4)),
        (4.0, "ok", (2, 4)),
        (4.1, "warning", (2, 4)),
        (9.0, "warning", (2, 4)),
        (9.1, "breach", (1, 9)),
        (float("inf"), "breach", (1, 9)),
        (float("nan"), "breach", (1, 9)),
        (None, "ok", (2, 4)),
    ],
)
def test_bounds_are_right_themselves_and_no_figure_passes(
    value: float | None, status: str, bounds: tuple[float, float]
) -> None:
    check = judge("t", "rows_share", value, LIMITS, "so many")
    assert (check.status, (check.lower, check.upper)) == (status, bounds)


def test_without_bounds_everything_passes() -> None:
    check = judge("t", "drift.psi", 99, Limits(), "far")
    assert (check.status, check.lower, check.upper) == ("ok", None, None)


def test_a_bound_of_breach_alone_is_the_nearest() -> None:
    check = judge("t", "null_share", 0, Limits.at_most(breach=0.5), "none")
    assert (check.status, check.lower, check.upper) == ("ok", None, 0.5)


def test_a_message_says_what_was_found_and_expected_and_which_setting() -> None:
    check = judge(
        "cleaned.customers", "null_share", 0.5, Limits.at_most(breach=0), "1 of 2", column="age"
    )
    assert check.message == "cleaned.customers.age: 1 of 2; expected at most 0 (checks.null_share)"
    assert judge("t", "x", 1, LIMITS, "so many").message == "t: so many; expected 2 to 4 (checks.x)"
    assert judge("t", "x", 3, LIMITS, "so many").message == "t: so many"


def test_checks_survive_their_table() -> None:
    checks = [
        Check("t", "rows_share", None, Status.OK, None, 0.5, None, "t: 1 rows"),
        Check(
            "t",
            "drift.psi",
            "n",
            Status.WARNING,
            0.2,
            None,
            0.1,
            "t.n: PSI",
            Histogram((1, 2, 0), edges=(0.5,)),
        ),
        Check(
            "t",
            "drift.psi",
            "c",
            Status.BREACH,
            0.3,
            None,
            0.1,
            "t.c: PSI",
            Histogram((3, 0, 1), categories=("a",)),
        ),
    ]
    table = to_table(checks)
    assert table.schema == CHECKS
    assert from_table(table) == checks
    assert count_by_status(checks) == {"ok": 1, "warning": 1, "breach": 1}
    assert count_by_status([]) == {"ok": 0, "warning": 0, "breach": 0}
