import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys.errors import DataError, MissingPartitionError, RecsysError
from recsys.paths import Partition
from recsys.storage import Lake

SALES = Partition("features.articles", "2020-09-22")


def write_rows(lake: Lake, values: list[int], fingerprint: str = "f") -> None:
    with lake.write(SALES, fingerprint=fingerprint) as draft:
        lake.put_table(draft, pa.table({"article_key": pa.array(values, pa.int32())}))


def test_a_partition_is_read_back_with_its_manifest(lake: Lake) -> None:
    write_rows(lake, [2, 3])
    assert lake.read(SALES).to_pydict() == {"article_key": [2, 3]}
    manifest = lake.require(SALES)
    assert (manifest.rows, manifest.columns) == (2, {"article_key": "int32"})


def test_a_failed_write_leaves_the_old_rows_and_nothing_else(lake: Lake) -> None:
    write_rows(lake, [2])
    with pytest.raises(RuntimeError, match="broken"), lake.write(SALES, fingerprint="g") as draft:
        lake.put_table(draft, pa.table({"article_key": pa.array([9], pa.int32())}))
        raise RuntimeError("broken")
    assert lake.read(SALES).to_pydict() == {"article_key": [2]}
    assert len(lake.fs.ls(f"{lake.root}/{SALES.folder}")) == 2


def test_a_rerun_replaces_the_partition_and_removes_the_old_attempt(lake: Lake) -> None:
    write_rows(lake, [2])
    write_rows(lake, [3])
    assert lake.read(SALES).to_pydict() == {"article_key": [3]}
    names = sorted(path.rsplit("/", 1)[-1] for path in lake.fs.ls(f"{lake.root}/{SALES.folder}"))
    assert names == ["_manifest.json", lake.require(SALES).attempt]


def test_a_manifest_that_was_never_finished_goes_with_the_next_write(lake: Lake) -> None:
    write_rows(lake, [2])
    half = Path(lake.root, SALES.folder, "_manifest.json.75f9c49b")
    half.write_text("{", encoding="utf-8")
    write_rows(lake, [3])
    assert not half.exists()
    assert lake.read(SALES).to_pydict() == {"article_key": [3]}


def test_an_attempt_without_a_manifest_is_invisible(lake: Lake) -> None:
    lake.fs.makedirs(f"{lake.root}/{SALES.folder}/attempt-dead")
    with pytest.raises(MissingPartitionError, match="run build_features first"):
        lake.read(SALES)


def test_a_draft_without_a_row_count_is_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="rows were never set"), lake.write(SALES, fingerprint="f"):
        pass
    assert lake.manifest(SALES) is None


def test_a_view_is_read_by_day(lake: Lake) -> None:
    days = [date(2020, 9, day) for day in (20, 21, 22)]
    view = Partition("cleaned.transactions", "2020-09-23")
    commit_transactions(lake, "2020-09-23", make_transactions([(d, d.day, 2, 1) for d in days]))

    def read(**limits: str) -> list[int]:
        table = lake.read(view, ["customer_key"], **limits)
        assert lake.scan(view, **limits).count_rows() == len(table)
        return table["customer_key"].to_pylist()

    files = lake.read_files(lake.files(view), ["customer_key"])
    assert [table.to_pydict() for table in files] == [{"customer_key": [d.day]} for d in days]
    assert read() == [20, 21, 22]
    assert read(before="2020-09-22") == [20, 21]
    assert read(since="2020-09-21") == [21, 22]
    assert read(since="2020-09-21", before="2020-09-22") == [21]
    with pytest.raises(DataError, match="nothing since None and before 2020-09-20"):
        read(before="2020-09-20")


def test_text_is_replaced_whole(lake: Lake) -> None:
    lake.write_text("reports/a.json", json.dumps({"n": 1}))
    lake.write_text("reports/a.json", json.dumps({"n": 2}))
    assert json.loads(lake.fs.cat_file(f"{lake.root}/reports/a.json")) == {"n": 2}
    assert len(lake.fs.ls(f"{lake.root}/reports")) == 1


def test_of_two_writers_at_once_the_later_fails_and_the_earlier_is_read(lake: Lake) -> None:
    table = pa.table({"article_key": [2, 3]})
    with (
        pytest.raises(RecsysError, match="run again"),
        lake.write(SALES, fingerprint="slow") as slow,
    ):
        lake.put_table(slow, table)
        with lake.write(SALES, fingerprint="quick") as quick:
            lake.put_table(quick, table)
    assert lake.require(SALES).fingerprint == "quick"
    assert lake.read(SALES).equals(table)
