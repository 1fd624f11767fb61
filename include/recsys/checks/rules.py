"""The rules: from counts to a figure, and from a figure and its limits to a check.

All are pure. A share of nothing is no figure, and passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import pyarrow as pa

from recsys.checks.profile import Days, Profile
from recsys.checks.result import Check, judge
from recsys.config import ChecksConfig, DailyRowsConfig, Limits


@dataclass(frozen=True)
class Account:
    """Where the rows of a table's raw files went: read = kept + collapsed + rejected + replaced."""

    file: str
    dataset: str
    read: int
    #: In the table.
    kept: int
    #: Counted by another row's quantity.
    collapsed: int
    rejected: int
    #: Of days that a daily drop replaces.
    replaced: int = 0

    @property
    def lost(self) -> int:
        """Rows that are nowhere; negative: rows out of nowhere."""
        return self.read - self.kept - self.collapsed - self.rejected - self.replaced


@dataclass(frozen=True)
class Day:
    """A day's figure beside what is usual."""

    day: date
    count: int
    #: Of the days before it; None: too few of them.
    median: float | None


def share_of(part: float, whole: float | None) -> float | None:
    """Return part / whole, None where there is no whole."""
    return part / whole if whole else None


def check_account(account: Account, limits: Limits) -> Check:
    """Return whether every row of a raw file is in a table, collapsed or set aside."""
    message = (
        f"{account.read} rows in {account.file}, {account.kept} kept, {account.collapsed}"
        f" collapsed, {account.rejected} rejected: {account.lost} are missing"
    )
    return judge(account.dataset, "lost_rows", account.lost, limits, message)


def check_rejected(account: Account, limits: Limits) -> Check:
    """Return whether too much of a raw file was set aside."""
    message = f"{account.rejected} of {account.read} rows of {account.file} are rejected"
    value = share_of(account.rejected, account.read)
    return judge(account.dataset, "rejected_share", value, limits, message)


def check_rows(dataset: str, rows: int, before: int | None, limits: Limits) -> Check:
    """Return whether a table grew or shrank by too much since the check before."""
    compared = "nothing to compare with yet" if before is None else f"{before} at the check before"
    value = share_of(rows, before)
    return judge(dataset, "rows_share", value, limits, f"{rows} rows; {compared}")


def usual_days(days: Mapping[date, int], config: DailyRowsConfig, *, until: date) -> list[Day]:
    """Return the latest days before `until`, oldest first, each with the median of those before it.

    Days without a purchase between the first day and `until` count as 0.
    """
    known = [day for day in days if day < until]
    if not known:
        return []
    first = min(known)
    calendar = [first + timedelta(days=n) for n in range((max(known) - first).days + 1)]
    counts = [days.get(day, 0) for day in calendar]
    latest = range(max(len(calendar) - config.latest_days, 0), len(calendar))
    windows = {n: counts[max(n - config.median_days, 0) : n] for n in latest}
    return [
        Day(calendar[n], counts[n], median(w) if len(w) >= config.least_days else None)
        for n, w in windows.items()
    ]


def check_days(dataset: str, days: Days, config: DailyRowsConfig, *, until: date) -> list[Check]:
    """Return a check for each of the latest days, of its rows and of its pieces."""
    return [
        _check_day(dataset, what, day, config)
        for what, counts in (("rows", days.rows), ("pieces", days.pieces))
        for day in usual_days(counts, config, until=until)
    ]


def _check_day(dataset: str, what: str, day: Day, config: DailyRowsConfig) -> Check:
    message, value = f"{day.count} {what} on {day.day}", None
    if day.median is None:
        message += f"; not judged: fewer than {config.least_days} days before it"
    elif day.median < config.least_median:
        message += f"; not judged: the median of the days before is {day.median:g}"
    else:
        value = day.count / day.median
        message += f", {value:.2f} of the median of the days before ({day.median:g})"
    column = None if what == "rows" else "quantity"
    return judge(dataset, "daily_rows.share", value, config.share, message, column=column)


def check_age(dataset: str, days: Days, limits: Limits, *, until: date) -> Check:
    """Return whether the last purchase before the run date is recent."""
    last = max((day for day in days.rows if day < until), default=None)
    if last is None:
        message, value = f"no purchase before the run date {until}", float("inf")
    else:
        value = float((until - last).days)
        message = f"the last purchase is of {last}, {value:g} days before the run date {until}"
    return judge(dataset, "age_days", value, limits, message)


def check_nulls(
    profile: Profile, before: Mapping[tuple[str, str], float], config: ChecksConfig
) -> list[Check]:
    """Return, for each column, its share of null and how far that rose since the check before."""
    checks = []
    for column in profile.schema.names:
        nulls, name = profile.nulls[column], f"{profile.dataset}.{column}"
        share = share_of(nulls, profile.rows)
        message = f"{nulls} of {profile.rows} values are null"
        limits = config.null_share.get(name, Limits())
        checks.append(judge(profile.dataset, "null_share", share, limits, message, column=column))
        earlier = before.get((profile.dataset, column))
        if earlier is not None and share is not None:
            message = f"{share:.4f} of the values are null, {earlier:.4f} at the check before"
            rise = share - earlier
            checks.append(
                judge(profile.dataset, "null_rise", rise, config.null_rise, message, column=column)
            )
    return checks


def check_values(profile: Profile, config: ChecksConfig) -> list[Check]:
    """Return, for each column with a range of right values, the share of values outside it."""
    checks = []
    for name, setting in config.values.items():
        dataset, _, column = name.rpartition(".")
        if dataset != profile.dataset or column not in profile.schema.names:
            continue
        known = profile.rows - profile.nulls[column]
        outside = profile.outside[column]
        message = f"{outside} of {known} values are not {setting.values}"
        value, limits = share_of(outside, known), setting.outside_share
        checks.append(judge(dataset, "values", value, limits, message, column=column))
    return checks


def check_share(
    dataset: str, check: str, part: int, whole: int, limits: Limits, *, of: str, column: str
) -> Check:
    """Return whether too many of a table's rows have a fault, which `of` names."""
    message = f"{part} of {whole} {of}"
    return judge(dataset, check, share_of(part, whole), limits, message, column=column)


def check_columns(
    dataset: str, found: Mapping[str, str], expected: Mapping[str, str], limits: Limits
) -> Check:
    """Return whether a table's or a raw file's columns are those of `recsys.schemas`."""
    differences = compare_columns(found, expected)
    message = ", ".join(differences) or "the columns are as expected"
    return judge(dataset, "unexpected_columns", len(differences), limits, message)


def check_changes(
    dataset: str, found: Mapping[str, str], before: Mapping[str, str] | None, limits: Limits
) -> Check:
    """Return whether a table's columns are those of the check before."""
    differences = [] if before is None else compare_columns(found, before)
    same = "nothing to compare with yet" if before is None else "the columns are as before"
    message = ", ".join(differences) or same
    value = None if before is None else len(differences)
    return judge(dataset, "changed_columns", value, limits, message)


def compare_columns(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return a phrase for each column that is missing, new or of another type.

    >>> compare_columns({"a": "int32", "c": "string"}, {"a": "int64", "b": "string"})
    ['a is int32, not int64', 'b is missing', 'c is new']
    """
    retyped = [
        f"{name} is {found[name]}, not {kind}"
        for name, kind in expected.items()
        if name in found and found[name] != kind
    ]
    missing = [f"{name} is missing" for name in expected if name not in found]
    return retyped + missing + [f"{name} is new" for name in found if name not in expected]


def types_of(schema: pa.Schema) -> dict[str, str]:
    """Return column name -> type, without the names that writers give to a list's items."""
    return {
        f.name: f"list<{f.type.value_type}>" if pa.types.is_list(f.type) else str(f.type)
        for f in schema
    }
