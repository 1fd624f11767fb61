"""One pass over a table: nulls, values outside, days, keys."""

from datetime import date

import pyarrow as pa
import pyarrow.dataset

from recsys.checks.profile import Days, Keys, Orphans, profile_table
from recsys.config import Band

TABLE = pa.table(
    {
        "k": pa.array([2, 3, 3, None], pa.int32()),
        "price": pa.array([0.5, float("nan"), -0.1, None]),
        "age": pa.array([15, 16, 99, 100], pa.int16()),
    }
)


def batch(**columns: list[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_nulls_and_values_outside_their_band() -> None:
    seen: list[int] = []
    found = profile_table(
        "t",
        pyarrow.dataset.dataset(TABLE),
        values={"price": Band(low=0, high=1), "age": Band(low=16, high=99), "gone": Band(low=0)},
        watchers=[lambda b: seen.append(b.num_rows)],
    )
    assert (found.rows, sum(seen)) == (4, 4)
    assert dict(found.nulls) == {"k": 1, "price": 1, "age": 0}
    assert dict(found.outside) == {"price": 2, "age": 2}


def test_an_empty_table_has_no_rows_and_no_faults() -> None:
    found = profile_table(
        "t", pyarrow.dataset.dataset(TABLE.slice(0, 0)), values={"age": Band(low=16)}
    )
    assert (found.rows, sum(found.nulls.values()), found.outside["age"]) == (0, 0, 0)


def test_days_add_up_over_batches() -> None:
    days, first, second = Days(), date(2020, 9, 1), date(2020, 9, 2)
    days(batch(t_dat=[first, first, second], quantity=[1, 3, 1]))
    days(batch(t_dat=[second, None], quantity=[2, 1]))
    assert days.rows == {first: 2, second: 2}
    assert days.pieces == {first: 4, second: 3}


def test_keys_that_occur_twice_or_nowhere() -> None:
    keys = Keys("k")
    keys(batch(k=[2, 3]))
    keys(batch(k=[3, 7, None]))
    assert (keys.distinct, keys.repeated) == (3, 1)

    other = Keys("k")
    other(batch(k=[2]))
    assert (keys.missing_in(other), other.missing_in(keys)) == (2, 0)


def test_orphans_are_rows_whose_key_another_table_does_not_have() -> None:
    keys = Keys("k")
    keys(batch(k=[2, 4]))
    orphans = Orphans("k", keys)
    orphans(batch(k=[2, 4, 4, None]))
    assert orphans.rows == 0
    orphans(batch(k=[3, 5, 2_000_000_000, -1, 2]))
    assert orphans.rows == 4
