"""The time split: whole days to training, validation and test, and weekly snapshots in each."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

import pyarrow as pa
import pyarrow.dataset

from recsys.columns import Columns as C
from recsys.config import SplitConfig
from recsys.errors import DataError
from recsys.schemas import EXAMPLES_SPLIT, PARTS

#: Training needs a day of history and a day of labels, the other parts a day of labels each.
MIN_TRAIN_DAYS = 2
MIN_DAYS = MIN_TRAIN_DAYS + 2


@dataclass(frozen=True)
class Snapshot:
    """Features as of `cutoff`, labels from purchases in [cutoff, label_end)."""

    part: str
    cutoff: date
    label_end: date


def split_snapshots(
    daily_counts: Mapping[date, int], config: SplitConfig, *, run_date: date
) -> list[Snapshot]:
    """Return the snapshots of each part, in the order of PARTS and of time.

    Days with purchases before `run_date` are cut into training, validation and test; each part ends
    on the day after its last purchase. With `fractions`, each cut is where the share of pieces
    before it comes closest to the wanted one (ties: the earlier day), leaving every part its least
    number of days; with `last_weeks`, the parts are counted back from the last purchase.

    A part's snapshots are its latest full windows of `snapshot_days`, back to back, none reaching
    into another part; training windows start after the first day, so that features have a history.
    A part shorter than one window has one snapshot of what there is.

    Args:
        daily_counts: day -> pieces bought on it, in any order; days without any may be missing.
        config: shares or weeks, and how many snapshots.
        run_date: days from this one on are ignored.

    Raises:
        DataError: too few days with purchases for three parts.
    """
    counts = {d: n for d, n in sorted(daily_counts.items()) if d < run_date and n > 0}
    days = list(counts)
    if len(days) < MIN_DAYS:
        raise DataError(
            f"the split needs purchases on at least {MIN_DAYS} days before {run_date}, "
            f"{MIN_TRAIN_DAYS} for training and 1 each for validation and test. "
            f"Found {len(days)}: give more transactions or a later run date"
        )
    if config.method == "fractions":
        cuts = _cut_by_share(list(counts.values()), config)
    else:
        cuts = _cut_by_weeks(days, config)
    parts = (days[: cuts[0]], days[cuts[0] : cuts[1]], days[cuts[1] :])
    numbers = (config.train_snapshots, config.validation_snapshots, config.test_snapshots)
    return [
        Snapshot(part, cutoff, label_end)
        for part, part_days, number in zip(PARTS, parts, numbers, strict=True)
        for cutoff, label_end in _windows(
            part_days[0] + timedelta(days=1 if part == "train" else 0),
            part_days[-1] + timedelta(days=1),
            number=number,
            width=timedelta(days=config.snapshot_days),
        )
    ]


def daily_counts(transactions: pa.dataset.Dataset) -> dict[date, int]:
    """Return day -> pieces bought on it, of cleaned transactions read batch by batch."""
    counts: Counter[date] = Counter()
    for batch in transactions.to_batches(columns=[C.T_DAT, C.QUANTITY]):
        sums = pa.table(batch).group_by(C.T_DAT).aggregate([(C.QUANTITY, "sum")])
        for day, pieces in zip(*(column.to_pylist() for column in sums.columns), strict=True):
            counts[day] += pieces
    return dict(counts)


def to_table(snapshots: list[Snapshot]) -> pa.Table:
    """Return snapshots as a table of EXAMPLES_SPLIT."""
    return pa.Table.from_pylist([vars(s) for s in snapshots], schema=EXAMPLES_SPLIT)


def from_table(table: pa.Table) -> list[Snapshot]:
    """Return the snapshots of an EXAMPLES_SPLIT table, in its order."""
    return [Snapshot(**row) for row in table.to_pylist()]


def _cut_by_share(counts: list[int], config: SplitConfig) -> tuple[int, int]:
    """Return how many days lie before validation, and before test."""
    before = list(accumulate(counts, initial=0))
    train, validation, _ = config.fractions
    first = _closest(before, train * before[-1], MIN_TRAIN_DAYS, len(counts) - 2)
    second = _closest(before, (train + validation) * before[-1], first + 1, len(counts) - 1)
    return first, second


def _closest(before: list[int], wanted: float, lowest: int, highest: int) -> int:
    return min(range(lowest, highest + 1), key=lambda index: abs(before[index] - wanted))


def _cut_by_weeks(days: list[date], config: SplitConfig) -> tuple[int, int]:
    test_start = days[-1] + timedelta(days=1) - timedelta(weeks=config.test_weeks)
    validation_start = test_start - timedelta(weeks=config.validation_weeks)
    first, second = bisect_left(days, validation_start), bisect_left(days, test_start)
    if first < MIN_TRAIN_DAYS or first == second:
        raise DataError(
            f"the split by last_weeks needs purchases on {MIN_TRAIN_DAYS} days before "
            f"{validation_start} and on 1 in [{validation_start}, {test_start}). "
            f"Found {first} and {second - first}: give more transactions or fewer weeks, or set "
            "examples.split.method=fractions"
        )
    return first, second


def _windows(start: date, end: date, *, number: int, width: timedelta) -> list[tuple[date, date]]:
    fitting = min(number, (end - start) // width)
    if not fitting:
        return [(start, end)]
    return [(end - width * i, end - width * (i - 1)) for i in range(fitting, 0, -1)]
