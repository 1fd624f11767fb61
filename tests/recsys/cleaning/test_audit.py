"""Counts that add up, and the limit to what may be rejected."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.cleaning.audit import Rejections, check_rejections, count_rejected, tally
from recsys.errors import DataError, RecsysError
from recsys.paths import Partition
from recsys.schemas import REJECTED
from recsys.storage import Draft

FOUND = Rejections("t.csv", {"bad_date": 1, "bad_price": 2}, {"bad_date": "x,y", "bad_price": "z"})
NONE = Rejections("c.csv", {}, {})


def test_counts_that_add_up() -> None:
    assert tally(read=10, kept=7, rejections=FOUND) == {
        "rows_read": 10,
        "rows_kept": 7,
        "rows_rejected": 3,
        "rejected.bad_date": 1,
        "rejected.bad_price": 2,
    }


@pytest.mark.parametrize("kept", [6, 8])
def test_counts_that_do_not_add_up(kept: int) -> None:
    with pytest.raises(RecsysError, match=f"read 10, kept {kept}, rejected 3") as caught:
        tally(read=10, kept=kept, rejections=FOUND)
    assert caught.value.exit_code == 1


def test_a_share_at_the_limit_passes() -> None:
    check_rejections({"t.csv": 10, "c.csv": 5}, FOUND, NONE, max_share=0.3)


def test_a_share_above_the_limit_names_reasons_counts_and_lines() -> None:
    with pytest.raises(DataError) as caught:
        check_rejections({"t.csv": 10, "c.csv": 5}, FOUND, NONE, max_share=0.29)
    assert caught.value.faults == [
        "t.csv: 3 of 10 rows are rejected, and cleaning.max_rejected_share is 0.29:"
        " bad_price 2 (such as 'z'), bad_date 1 (such as 'x,y')"
    ]


def test_a_file_without_one_valid_row_is_refused_whatever_the_limit() -> None:
    with pytest.raises(DataError, match="3 of 3 rows are rejected"):
        check_rejections({"t.csv": 3}, FOUND, max_share=1.0)


def test_rejected_rows_are_counted_in_all_files_that_hold_them(tmp_path: Path) -> None:
    rows = [("bad_price", "t.csv", "y"), ("bad_date", "t.csv", "x,y"), ("bad_price", "c.csv", "a"),
            ("bad_price", "t.csv", "z")]  # fmt: skip
    for number, some in enumerate((rows[:3], rows[3:])):
        table = pa.Table.from_arrays(list(map(pa.array, zip(*some, strict=True))), schema=REJECTED)
        pq.write_table(table, tmp_path / f"part-{number}.parquet")
    draft = Draft(Partition("rejected.transactions", "key"), str(tmp_path))
    assert count_rejected(draft, files=["t.csv", "c.csv", "d.csv"]) == [
        Rejections("t.csv", {"bad_date": 1, "bad_price": 2}, {"bad_date": "x,y", "bad_price": "y"}),
        Rejections("c.csv", {"bad_price": 1}, {"bad_price": "a"}),
        Rejections("d.csv", {}, {}),
    ]
    assert (draft.rows, draft.schema) == (4, REJECTED)
    assert draft.counts == {"c.csv.bad_price": 1, "t.csv.bad_date": 1, "t.csv.bad_price": 2}


def test_no_file_of_rejected_rows_is_none_rejected(tmp_path: Path) -> None:
    draft = Draft(Partition("rejected.transactions", "key"), str(tmp_path / "nothing"))
    assert count_rejected(draft, files=["t.csv"]) == [Rejections("t.csv", {}, {})]
    assert (draft.rows, draft.counts) == (0, {})
