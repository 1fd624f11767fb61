"""Each rule with a fault that triggers it, and without."""

from collections import Counter
from datetime import date, timedelta

import pyarrow as pa
import pytest

from recsys.checks.profile import Days, Profile
from recsys.checks.rules import (
    Account,
    check_account,
    check_age,
    check_changes,
    check_columns,
    check_days,
    check_nulls,
    check_rejected,
    check_rows,
    check_share,
    check_values,
    types_of,
    usual_days,
)
from recsys.config import ChecksConfig

CONFIG = ChecksConfig()
UNTIL = date(2020, 9, 23)
T = "cleaned.transactions"


def days(*counts: int, pieces: int = 1) -> Days:
    """Rows of the days that end on the day before UNTIL."""
    found = Days()
    for number, count in enumerate(reversed(counts)):
        day = UNTIL - timedelta(days=number + 1)
        if count:
            found.rows[day], found.pieces[day] = count, count * pieces
    return found


def account(*, read: int = 10, kept: int = 8, collapsed: int = 1, rejected: int = 1) -> Account:
    return Account("transactions_train.csv", T, read, kept, collapsed, rejected)


@pytest.mark.parametrize(("kept", "status"), [(8, "ok"), (7, "breach"), (9, "breach")])
def test_every_row_is_somewhere(kept: int, status: str) -> None:
    check = check_account(account(kept=kept), CONFIG.lost_rows)
    assert (check.status, check.value) == (status, 8 - kept)


@pytest.mark.parametrize(("rejected", "status"), [(0, "ok"), (1, "ok"), (2, "warning")])
def test_the_share_of_rejected_rows(rejected: int, status: str) -> None:
    check = check_rejected(account(read=100, rejected=rejected), CONFIG.rejected_share)
    assert (check.status, check.value) == (status, rejected / 100)


@pytest.mark.parametrize(
    ("rows", "before", "status"),
    [
        (100, 100, "ok"), (98, 100, "ok"), (97, 100, "warning"), (121, 100, "warning"),
        (49, 100, "breach"), (1, None, "ok"), (1, 0, "ok"),
    ],
)  # fmt: skip
def test_a_table_that_shrank_or_grew(rows: int, before: int | None, status: str) -> None:
    check = check_rows("cleaned.customers", rows, before, CONFIG.rows_share)
    assert check.status == status


def test_a_day_is_held_against_the_median_of_the_days_before_it() -> None:
    found = usual_days(days(*range(1, 41)).rows, CONFIG.daily_rows, until=UNTIL)
    # Days 38, 39, 40; before each the 28 days from 10 to 37, 11 to 38, 12 to 39.
    assert [(day.count, day.median) for day in found] == [(38, 23.5), (39, 24.5), (40, 25.5)]
    assert found[-1].day == date(2020, 9, 22)


def test_days_from_the_run_date_on_are_not_looked_at() -> None:
    found = days(*[200] * 10)
    found.rows[UNTIL] = 1
    assert [day.count for day in usual_days(found.rows, CONFIG.daily_rows, until=UNTIL)] == [
        200
    ] * 3
    assert usual_days({UNTIL: 5}, CONFIG.daily_rows, until=UNTIL) == []


@pytest.mark.parametrize(
    ("last", "status"),
    [(200, "ok"), (100, "ok"), (99, "warning"), (401, "warning"), (19, "breach"), (2001, "breach")],
)
def test_a_day_with_too_few_or_too_many_rows(last: int, status: str) -> None:
    checks = check_days(T, days(*[200] * 30, last), CONFIG.daily_rows, until=UNTIL)
    assert [check.status for check in checks] == ["ok", "ok", status] * 2
    assert [check.column for check in checks] == [None] * 3 + ["quantity"] * 3


def test_pieces_may_be_out_of_line_where_rows_are_not() -> None:
    found = days(*[200] * 31)
    found.pieces[UNTIL - timedelta(days=1)] = 2200
    checks = check_days(T, found, CONFIG.daily_rows, until=UNTIL)
    assert [check.status for check in checks] == ["ok"] * 5 + ["breach"]


def test_a_day_without_a_row_counts_as_none() -> None:
    checks = check_days(T, days(*[200] * 30, 0, 200), CONFIG.daily_rows, until=UNTIL)
    assert [check.status for check in checks[:3]] == ["ok", "breach", "ok"]
    assert checks[1].message.startswith(f"{T}: 0 rows on 2020-09-21, 0.00 of the median")


@pytest.mark.parametrize("counts", [[200] * 4 + [1], [99] * 30 + [1]])
def test_few_days_and_small_days_are_not_judged(counts: list[int]) -> None:
    checks = check_days(T, days(*counts), CONFIG.daily_rows, until=UNTIL)
    assert [(check.status, check.value) for check in checks] == [("ok", None)] * 6
    assert "not judged" in checks[-1].message


@pytest.mark.parametrize(
    ("days_ago", "status"), [(1, "ok"), (2, "ok"), (3, "warning"), (7, "warning"), (8, "breach")]
)
def test_the_age_of_the_last_purchase(days_ago: int, status: str) -> None:
    found = Days()
    found.rows[UNTIL - timedelta(days=days_ago)] = 5
    found.rows[UNTIL] = 5
    check = check_age(T, found, CONFIG.age_days, until=UNTIL)
    assert (check.status, check.value) == (status, days_ago)


def test_no_purchase_at_all_is_a_breach() -> None:
    assert check_age(T, Days(), CONFIG.age_days, until=UNTIL).status == "breach"


def profile(*, nulls: int = 0, outside: int = 0, column: str = "price") -> Profile:
    schema = pa.schema([(column, pa.float64())])
    return Profile(T, schema, 100, Counter({column: nulls}), Counter({column: outside}))


@pytest.mark.parametrize(("nulls", "status"), [(0, "ok"), (1, "breach")])
def test_a_column_that_is_never_null(nulls: int, status: str) -> None:
    [check] = check_nulls(profile(nulls=nulls), {}, CONFIG)
    assert (check.check, check.column, check.status) == ("null_share", "price", status)


@pytest.mark.parametrize(
    ("nulls", "status"), [(40, "ok"), (45, "ok"), (46, "warning"), (91, "breach"), (0, "ok")]
)
def test_nulls_that_become_more_than_they_were(nulls: int, status: str) -> None:
    before = {(T, "other"): 0.4}
    share, rise = check_nulls(profile(nulls=nulls, column="other"), before, CONFIG)
    assert (share.check, share.status, share.value) == ("null_share", "ok", nulls / 100)
    assert (rise.check, rise.status) == ("null_rise", status)


@pytest.mark.parametrize(
    ("column", "outside", "status"),
    [
        ("price", 1, "ok"), ("price", 2, "warning"), ("price", 100, "warning"),
        ("sales_channel_id", 0, "ok"), ("sales_channel_id", 1, "breach"),
        ("quantity", 0, "ok"), ("quantity", 1, "breach"),
    ],
)  # fmt: skip
def test_values_outside_their_range(column: str, outside: int, status: str) -> None:
    [check] = check_values(profile(outside=outside, column=column), CONFIG)
    assert (check.column, check.status, check.value) == (column, status, outside / 100)


def test_values_are_a_share_of_what_is_not_null() -> None:
    [check] = check_values(profile(nulls=50, outside=1), CONFIG)
    assert check.value == 1 / 50
    assert check.message.startswith(f"{T}.price: 1 of 50 values are not 0 to 1; expected at most")


def test_a_column_without_a_range_is_not_judged() -> None:
    assert check_values(profile(column="t_dat"), CONFIG) == []


@pytest.mark.parametrize(("part", "status"), [(0, "ok"), (1, "breach")])
def test_orphans_repeats_and_missing_rows(part: int, status: str) -> None:
    check = check_share(
        T, "orphan_share", part, 10, CONFIG.orphan_share, of="rows", column="article_key"
    )
    assert (check.status, check.value) == (status, part / 10)


@pytest.mark.parametrize(
    ("found", "status", "text"),
    [
        ({"a": "int32", "b": "string"}, "ok", "the columns are as expected"),
        ({"b": "string", "a": "int32"}, "ok", "the columns are as expected"),
        ({"a": "int64", "c": "int8"}, "breach", "a is int64, not int32, b is missing, c is new"),
    ],
)
def test_columns_that_are_not_the_schema_s(found: dict[str, str], status: str, text: str) -> None:
    expected = {"a": "int32", "b": "string"}
    check = check_columns("t", found, expected, CONFIG.unexpected_columns)
    assert (check.status, text in check.message) == (status, True)


def test_columns_that_changed_since_the_check_before() -> None:
    limits = CONFIG.changed_columns
    assert check_changes("t", {"a": "int32"}, {"a": "int32"}, limits).status == "ok"
    assert check_changes("t", {"a": "int32"}, None, limits).value is None
    changed = check_changes("t", {"a": "int32", "b": "int8"}, {"a": "int32"}, limits)
    assert (changed.status, changed.value) == ("warning", 1)


def test_a_list_s_type_is_that_of_its_items() -> None:
    lists = [pa.list_(pa.field(name, pa.int32())) for name in ("item", "element")]
    assert [types_of(pa.schema([("l", kind)])) for kind in lists] == [{"l": "list<int32>"}] * 2
