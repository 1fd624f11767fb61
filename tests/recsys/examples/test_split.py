from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.dataset
import pytest

from recsys.config import SplitConfig
from recsys.errors import DataError
from recsys.examples.split import (
    Snapshot,
    daily_counts,
    from_table,
    split_snapshots,
    to_table,
)

FIRST = date(2020, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def evenly(days: int, pieces: int = 10) -> dict[date, int]:
    return {day(number): pieces for number in range(days)}


def as_days(snapshots: list[Snapshot]) -> list[tuple[str, int, int]]:
    return [(s.part, (s.cutoff - FIRST).days, (s.label_end - FIRST).days) for s in snapshots]


def test_a_hundred_even_days_are_cut_at_70_and_85() -> None:
    config = SplitConfig(
        method="fractions", train_snapshots=3, validation_snapshots=1, test_snapshots=2
    )
    assert as_days(split_snapshots(evenly(100), config, run_date=day(100))) == [
        ("train", 49, 56),
        ("train", 56, 63),
        ("train", 63, 70),
        ("validation", 78, 85),
        ("test", 86, 93),
        ("test", 93, 100),
    ]


def test_shares_are_of_pieces_not_of_days() -> None:
    # 10 days of 7 pieces, then 30 of 1: the first 70 of 100 pieces are in 10 days.
    counts = evenly(10, 7) | {day(10 + n): 1 for n in range(30)}
    config = SplitConfig(method="fractions", train_snapshots=1)
    assert as_days(split_snapshots(counts, config, run_date=day(40))) == [
        ("train", 3, 10),
        ("validation", 18, 25),
        ("test", 33, 40),
    ]


def test_a_cut_is_where_the_share_comes_closest_and_the_earlier_of_two_as_close() -> None:
    # Of 20 pieces 14 are wanted before the first cut: 13 or 15 are as close.
    counts = {day(n): pieces for n, pieces in enumerate([6, 7, 2, 1, 1, 1, 1, 1])}
    config = SplitConfig(method="fractions", snapshot_days=1, train_snapshots=1)
    assert as_days(split_snapshots(counts, config, run_date=day(8))) == [
        ("train", 1, 2),
        ("validation", 4, 5),
        ("test", 7, 8),
    ]


def test_rows_on_and_after_the_run_date_change_nothing() -> None:
    config = SplitConfig(method="fractions")
    before = split_snapshots(evenly(100), config, run_date=day(100))
    later = evenly(100) | {day(100): 5000, day(200): 1}
    assert split_snapshots(later, config, run_date=day(100)) == before


def test_a_part_ends_after_its_last_purchase() -> None:
    # Nothing was bought on the days from 95 on: the last test window is [88, 95).
    counts = {d: n for d, n in evenly(100).items() if d < day(95)}
    snapshots = split_snapshots(counts, SplitConfig(method="fractions"), run_date=day(100))
    assert as_days(snapshots)[-1] == ("test", 88, 95)


def test_days_without_purchases_leave_no_part_empty() -> None:
    counts = {day(n): 1 for n in (0, 1, 30, 60)}
    assert as_days(split_snapshots(counts, SplitConfig(method="fractions"), run_date=day(99))) == [
        ("train", 1, 2),
        ("validation", 30, 31),
        ("test", 60, 61),
    ]


def test_a_part_shorter_than_a_window_has_one_snapshot_of_what_there_is() -> None:
    assert as_days(
        split_snapshots(evenly(20), SplitConfig(method="fractions"), run_date=day(20))
    ) == [
        ("train", 7, 14),
        ("validation", 14, 17),
        ("test", 17, 20),
    ]


def test_training_keeps_a_day_of_history() -> None:
    # 14 days of training: [0, 7) would be a full window, but has no history.
    snapshots = split_snapshots(
        evenly(20), SplitConfig(method="fractions", train_snapshots=8), run_date=day(20)
    )
    assert as_days(snapshots)[0] == ("train", 7, 14)


def test_four_days_are_enough_and_three_are_not() -> None:
    config = SplitConfig(method="fractions")
    assert as_days(split_snapshots(evenly(4), config, run_date=day(4))) == [
        ("train", 1, 2),
        ("validation", 2, 3),
        ("test", 3, 4),
    ]
    with pytest.raises(DataError, match=r"at least 4 days before 2020-01-04.*Found 3"):
        split_snapshots(evenly(4), config, run_date=day(3))
    with pytest.raises(DataError, match="Found 0"):
        split_snapshots({}, config, run_date=day(3))


def test_one_day_with_nearly_everything_leaves_every_part_a_day() -> None:
    counts = evenly(6, 1) | {day(0): 1000}
    assert as_days(split_snapshots(counts, SplitConfig(method="fractions"), run_date=day(6))) == [
        ("train", 1, 2),
        ("validation", 2, 3),
        ("test", 3, 6),
    ]


def test_last_weeks_are_counted_back_from_the_last_purchase() -> None:
    config = SplitConfig(method="last_weeks", test_weeks=2, train_snapshots=1, test_snapshots=2)
    assert as_days(split_snapshots(evenly(40), config, run_date=day(50))) == [
        ("train", 12, 19),
        ("validation", 19, 26),
        ("test", 26, 33),
        ("test", 33, 40),
    ]


def test_last_weeks_need_training_days_before_them() -> None:
    config = SplitConfig(method="last_weeks")
    with pytest.raises(DataError, match=r"2 days before 2020-01-02.*Found 1 and 7"):
        split_snapshots(evenly(15), config, run_date=day(15))


def test_windows_never_overlap_or_cross_into_another_part() -> None:
    for days in range(4, 120, 7):
        snapshots = split_snapshots(
            evenly(days), SplitConfig(method="fractions"), run_date=day(days)
        )
        assert {s.part for s in snapshots} == {"train", "validation", "test"}
        for earlier, later in pairwise(snapshots):
            assert earlier.cutoff < earlier.label_end <= later.cutoff


def test_daily_counts_add_up_pieces() -> None:
    table = pa.table(
        {
            "t_dat": pa.array([FIRST, day(1), FIRST], pa.date32()),
            "quantity": pa.array([1, 2, 3], pa.int32()),
        }
    )
    assert daily_counts(pyarrow.dataset.dataset(table)) == {FIRST: 4, day(1): 2}


def test_a_table_is_read_back() -> None:
    snapshots = [Snapshot("train", day(1), day(2)), Snapshot("test", day(3), day(4))]
    assert from_table(to_table(snapshots)) == snapshots
