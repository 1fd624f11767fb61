"""The transactions job on a temporary lake: what it writes, refuses and leaves as it was."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from jobs import clean_catalogue, clean_transactions
from pyspark.sql import SparkSession

from recsys.config import REPOSITORY, Config
from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = pytest.mark.spark

Run = Callable[..., tuple[int, dict[str, Any]]]
DAY = "2020-09-23"
CLEANED = Partition("cleaned.transactions", DAY)
CSV = "transactions_train.csv"


@pytest.fixture
def run(config: Config, raw_folder: Any, spark: SparkSession) -> Run:
    """Run the job on a cleaned catalogue; its exit code and its report."""
    argv = ["--run-date", DAY, "--env", "test", "--data", config.data, "--lake", config.lake_root]
    argv += ["--set", f"state={config.state}", "--report", "report.json"]
    assert clean_catalogue.main(argv) == 0

    def _run(*flags: str) -> tuple[int, dict[str, Any]]:
        code = clean_transactions.main([*argv, *flags])
        text = Lake(config.lake_root).fs.cat_file(f"{config.lake_root}/report.json")
        report: dict[str, Any] = json.loads(text)
        return code, report

    return _run


def rejected_rows(lake: Lake) -> dict[str, list[str]]:
    """The rows set aside by every load that is kept."""
    name = "rejected.transactions"
    tables = [lake.read(Partition(name, key)) for key in lake.keys(name)]
    rows: dict[str, list[str]] = pa.concat_tables(tables).to_pydict()
    return rows


def rows(lake: Lake) -> list[tuple[object, ...]]:
    table = lake.read(CLEANED)
    return sorted((str(row["t_dat"]), *list(row.values())[1:]) for row in table.to_pylist())


ROWS = [
    ("2020-09-21", 2, 2, 0.0508, 2, 2),
    ("2020-09-22", 2, 3, 0.0305, 1, 1),
    ("2020-09-22", 3, 4, 0.0, 2, 1),
]


def test_a_faultless_file(run: Run, lake: Lake) -> None:
    code, report = run()
    assert (code, report["status"]) == (0, "written")
    assert {o["dataset"]: (o["rows"], o["counts"]) for o in report["outputs"]} == {
        "cleaned.transactions": (
            3, {"rows_read": 4, "rows_kept": 4, "rows_rejected": 0, "rows_collapsed": 1,
                "rows_replaced": 0},
        ),
        "cleaned.loads": (
            3, {"rows_read": 4, "rows_kept": 4, "rows_rejected": 0, "rows_collapsed": 1},
        ),
        "rejected.transactions": (0, {}),
    }  # fmt: skip
    assert rows(lake) == ROWS
    assert rejected_rows(lake) == {"reason": [], "file": [], "line": []}


def test_a_second_run_is_unchanged_and_reads_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setattr(
        "recsys.cleaning.load.clean_sources", lambda *_: pytest.fail("files were read")
    )
    code, report = run()
    assert (code, report["status"], report["outputs"]) == (0, "unchanged", [])


def test_spark_starts_only_where_there_is_much_to_read(
    run: Run, raw_folder: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recsys import spark

    started = []
    real = spark.build_session
    monkeypatch.setattr(
        spark, "build_session", lambda *args, **rows: started.append(rows) or real(*args, **rows)
    )
    raw_folder.add(CSV, raw_folder.lines(CSV)[-1].replace(",0,", ",free,"))
    results = []
    for small_rows in ("1000", "0"):
        code, report = run("--force", "--set", f"spark.small_rows={small_rows}")
        assert code == 0
        counts = [(o["dataset"], o["rows"], o["counts"]) for o in report["outputs"]]
        fingerprint = lake.require(CLEANED).fingerprint
        results.append((len(started), counts, rejected_rows(lake), rows(lake), fingerprint))
    assert [result[0] for result in results] == [0, 1]
    assert results[0][1:] == results[1][1:]


def test_little_is_cleaned_without_loading_spark(run: Run, raw_folder: Any, config: Config) -> None:
    code = (
        "import sys; from jobs import clean_transactions as job;"
        "assert job.main(sys.argv[1:]) == 0; sys.exit('pyspark' in sys.modules)"
    )
    argv = ["--run-date", DAY, "--env", "test", "--data", config.data, "--lake", config.lake_root]
    path = {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}"}
    command = [sys.executable, "-c", code, *argv, "--force"]
    assert subprocess.run(command, env=os.environ | path, check=False).returncode == 0


@pytest.mark.parametrize(("end", "start"), [(b"\r\n", b""), (b"\n", b"\xef\xbb\xbf")])
def test_windows_line_ends_a_mark_and_a_blank_line_change_nothing(
    run: Run, raw_folder: Any, lake: Lake, end: bytes, start: bytes
) -> None:
    raw_folder.write(CSV, *raw_folder.lines(CSV), "", end=end, start=start)
    code, report = run()
    assert code == 0
    assert rows(lake) == ROWS
    assert report["outputs"][-1]["counts"]["rows_rejected"] == 0


def test_each_bad_row_is_set_aside_with_its_reason_file_and_line(
    run: Run, raw_folder: Any, lake: Lake
) -> None:
    good = raw_folder.lines(CSV)[-1]
    anna, berta = "a" * 64, "b" * 64
    bad = {
        "bad_date": good.replace("2020-09-22", "22.09.2020"),
        "date_in_future": good.replace("2020-09-22", "2999-01-01"),
        "bad_price": good.replace(",0,", ",free,"),
        "negative_price": good.replace(",0,", ",-0.05,"),
        "absurd_price": good.replace(",0,", ",1000,"),
        "bad_channel": good[:-1] + "3",
        "bad_article_id": good.replace("0111565001", "111565001"),
        "bad_customer_id": good.replace(berta, "b"),
        "unknown_article": good.replace("0111565001", "0999999999"),
        "unknown_customer": good.replace(berta, "c" * 64),
        "wrong_column_count": good + ",",
    }
    raw_folder.add(CSV, *bad.values(), good.encode() + b"\xe9", good.replace(berta, anna))
    code, report = run("--set", "cleaning.max_rejected_share=0.8")
    assert code == 0
    counts = {o["dataset"]: o["counts"] for o in report["outputs"]}
    assert counts["cleaned.transactions"] == {
        "rows_read": 17, "rows_kept": 5, "rows_collapsed": 1, "rows_rejected": 12,
        "rows_replaced": 0,
        **{f"rejected.{reason}": 1 for reason in [*bad, "not_utf8"]},
    }  # fmt: skip
    assert counts["rejected.transactions"] == {
        f"transactions_train.csv.{reason}": 1 for reason in [*bad, "not_utf8"]
    }
    rejected = rejected_rows(lake)
    assert rejected["file"] == ["transactions_train.csv"] * 12
    assert dict(zip(rejected["reason"], rejected["line"], strict=True)) == {
        **bad,
        "not_utf8": good + "\ufffd",
    }
    assert rows(lake) == [*ROWS[:2], ("2020-09-22", 2, 4, 0.0, 2, 1), ROWS[2]]


def test_too_many_bad_rows_stop_the_job_but_can_be_looked_at(
    run: Run, raw_folder: Any, lake: Lake
) -> None:
    run()
    before = lake.require(CLEANED)
    good = raw_folder.lines(CSV)[-1]
    raw_folder.add(CSV, good.replace("2020-09-22", "x"), good.replace("2020-09-22", "y"))
    code, report = run()
    example = good.replace("2020-09-22", "x")
    assert (code, report["status"]) == (2, "bad_data")
    assert report["error"] == (
        "transactions_train.csv: 2 of 6 rows are rejected, and cleaning.max_rejected_share is 0.2:"
        f" bad_date 2 (such as {example!r})"
    )
    assert rejected_rows(lake)["reason"] == ["bad_date"] * 2
    assert lake.require(CLEANED) == before
    assert rows(lake) == ROWS


def test_a_file_without_a_column_stops_the_job(run: Run, raw_folder: Any, lake: Lake) -> None:
    raw_folder.write(CSV, "t_dat,customer_id,article_id,price", "2020-09-21,a,b,1")
    code, report = run()
    assert code == 2
    assert report["error"] == (
        f"{raw_folder.path}: transactions_train.csv: column sales_channel_id is missing"
    )
    assert lake.manifest(CLEANED) is None


def test_rows_that_do_not_add_up_are_never_committed(
    run: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recsys.cleaning import cleaner

    real = cleaner.collapse
    monkeypatch.setattr(cleaner, "collapse", lambda rows: real(rows).slice(1))
    code, report = run()
    assert (code, report["status"]) == (1, "failed")
    assert "the rows do not add up: read 4, kept" in report["error"]
    assert lake.manifest(CLEANED) is None
    assert lake.keys("cleaned.loads") == []
    assert list(lake.fs.glob(f"{lake.root}/cleaned/loads/*/*")) == []


def test_the_catalogue_comes_first(run: Run, config: Config, lake: Lake) -> None:
    lake.fs.rm(f"{lake.root}/cleaned/customers", recursive=True)
    code, report = run()
    assert code == 2
    assert report["error"] == (
        "cleaned.customers has no committed partition '2020-09-23': run clean_catalogue first"
    )
