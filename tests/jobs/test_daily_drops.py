"""Daily drops: only what is new or changed is read, and each day has its rows once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobs import clean_catalogue, clean_transactions
from pyspark.sql import SparkSession

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = pytest.mark.spark

Run = Callable[..., dict[str, Any]]
Drop = Callable[..., Path]
DAY = "2020-09-23"
HEADER = "t_dat,customer_id,article_id,price,sales_channel_id"
ANNA, BERTA = "a" * 64, "b" * 64
STRAP, BRA, TIGHTS = "0108775015", "0110065001", "0111565001"
DUMP = [
    ("2020-09-21", 2, 2, 2),
    ("2020-09-22", 2, 3, 1),
    ("2020-09-22", 3, 4, 1),
]


@pytest.fixture
def run(config: Config, raw_folder: Any, spark: SparkSession) -> Run:
    """Clean the catalogue and then the transactions; the report of the latter."""

    def _run(*flags: str, run_date: str = DAY, code: int = 0) -> dict[str, Any]:
        argv = ["--run-date", run_date, "--env", "test", "--data", config.data]
        argv += ["--lake", config.lake_root, "--set", f"state={config.state}"]
        assert clean_catalogue.main(argv) == 0
        assert clean_transactions.main([*argv, "--report", "report.json", *flags]) == code
        text = Lake(config.lake_root).fs.cat_file(f"{config.lake_root}/report.json")
        report: dict[str, Any] = json.loads(text)
        return report

    return _run


@pytest.fixture
def drop(raw_folder: Any) -> Drop:
    """Write a file of a daily drop: its rows are `customer, article` of that day."""

    def _drop(day: str, *rows: str, name: str = "part.csv") -> Path:
        folder = raw_folder.path / "transactions" / f"t_dat={day}"
        folder.mkdir(parents=True, exist_ok=True)
        file: Path = folder / name
        file.write_text("\n".join([HEADER, *rows, ""]))
        return file

    return _drop


def line(day: str, customer: str, article: str, price: str = "0.05") -> str:
    return f"{day},{customer},{article},{price},2"


def rows(lake: Lake, run_date: str = DAY) -> list[tuple[Any, ...]]:
    """Day, customer, article and quantity of each row."""
    names = ("t_dat", "customer_key", "article_key", "quantity")
    table = lake.read(Partition("cleaned.transactions", run_date))
    return sorted((str(row["t_dat"]), *(row[n] for n in names[1:])) for row in table.to_pylist())


def counts(report: dict[str, Any]) -> dict[str, int]:
    [found] = [o["counts"] for o in report["outputs"] if o["dataset"] == "cleaned.transactions"]
    return dict(found)


def test_a_new_day_is_read_alone(run: Run, drop: Drop, lake: Lake) -> None:
    run()
    drop("2020-09-23", line("2020-09-23", BERTA, BRA), line("2020-09-23", BERTA, BRA))
    report = run(run_date="2020-09-24")
    assert report["facts"]["sources"] == {"read": 1, "kept": 1}
    assert rows(lake, "2020-09-24") == [*DUMP, ("2020-09-23", 3, 3, 2)]
    assert rows(lake) == DUMP
    assert counts(report) == {
        "rows_read": 6, "rows_kept": 6, "rows_collapsed": 2, "rows_rejected": 0, "rows_replaced": 0,
    }  # fmt: skip
    assert run(run_date="2020-09-24")["status"] == "unchanged"


def test_a_drop_replaces_its_day_of_the_dump_and_its_removal_brings_it_back(
    run: Run, drop: Drop, lake: Lake
) -> None:
    file = drop("2020-09-22", line("2020-09-22", ANNA, TIGHTS))
    report = run()
    assert rows(lake) == [DUMP[0], ("2020-09-22", 2, 4, 1)]
    assert counts(report) == {
        "rows_read": 5, "rows_kept": 3, "rows_collapsed": 1, "rows_rejected": 0, "rows_replaced": 2,
    }  # fmt: skip
    view = lake.require(Partition("cleaned.transactions", DAY))
    assert view.notes["sources"] == {
        "transactions_train.csv": {
            "rows_read": 4, "rows_kept": 2, "rows_collapsed": 1, "rows_rejected": 0,
            "rows_replaced": 2,
        },
        "transactions/t_dat=2020-09-22": {
            "rows_read": 1, "rows_kept": 1, "rows_collapsed": 0, "rows_rejected": 0,
            "rows_replaced": 0,
        },
    }  # fmt: skip
    file.unlink()
    file.parent.rmdir()
    assert run()["facts"]["sources"] == {"read": 0, "kept": 1}
    assert rows(lake) == DUMP
    assert [key.split("-")[0] for key in lake.keys("cleaned.loads")] == ["dump"]


def test_a_corrected_and_a_late_drop_are_read_and_the_others_are_not(
    run: Run, drop: Drop, lake: Lake
) -> None:
    drop("2020-09-22", line("2020-09-22", ANNA, STRAP))
    drop("2020-09-23", line("2020-09-23", ANNA, STRAP))
    assert run(run_date="2020-09-24")["facts"]["sources"] == {"read": 3, "kept": 0}
    drop("2020-09-22", line("2020-09-22", BERTA, STRAP))
    drop("2020-09-19", line("2020-09-19", BERTA, STRAP))
    assert run(run_date="2020-09-24")["facts"]["sources"] == {"read": 2, "kept": 2}
    assert rows(lake, "2020-09-24") == [
        ("2020-09-19", 3, 2, 1), DUMP[0], ("2020-09-22", 3, 2, 1), ("2020-09-23", 2, 2, 1),
    ]  # fmt: skip


def test_any_order_of_drops_gives_the_same_rows_and_fingerprint(
    run: Run, drop: Drop, lake: Lake
) -> None:
    view = Partition("cleaned.transactions", DAY)
    drop("2020-09-20", line("2020-09-20", ANNA, STRAP))
    run()
    drop("2020-09-19", line("2020-09-19", BERTA, STRAP))
    run()
    in_turns = (rows(lake), lake.require(view).fingerprint)
    lake.fs.rm(lake.root, recursive=True)
    run()
    assert (rows(lake), lake.require(view).fingerprint) == in_turns


def test_files_of_one_drop_are_one_day(run: Run, drop: Drop, lake: Lake) -> None:
    drop("2020-09-23", line("2020-09-23", ANNA, STRAP), name="a.csv")
    drop("2020-09-23", line("2020-09-23", ANNA, STRAP), name="b.csv")
    assert counts(run(run_date="2020-09-24"))["rows_read"] == 6
    assert rows(lake, "2020-09-24")[-1] == ("2020-09-23", 2, 2, 2)


def test_rows_of_another_day_are_set_aside_with_their_file(
    run: Run, drop: Drop, lake: Lake
) -> None:
    good, stray = line("2020-09-23", ANNA, STRAP), line("2020-09-22", ANNA, STRAP)
    drop("2020-09-23", *[good] * 9, stray)
    report = run(run_date="2020-09-24")
    assert counts(report)["rejected.wrong_day"] == 1
    [key] = [key for key in lake.keys("rejected.transactions") if key.startswith("drops")]
    assert lake.read(Partition("rejected.transactions", key)).to_pylist() == [
        {"reason": "wrong_day", "file": "transactions/t_dat=2020-09-23/part.csv", "line": stray}
    ]


def test_an_unknown_id_is_tried_again_once_the_catalogue_knows_it(
    run: Run, drop: Drop, raw_folder: Any, lake: Lake
) -> None:
    new = "c" * 64
    good = line("2020-09-23", ANNA, STRAP)
    drop("2020-09-23", *[good] * 9, line("2020-09-23", new, STRAP))
    assert counts(run(run_date="2020-09-24"))["rejected.unknown_customer"] == 1
    raw_folder.add("customers.csv", f"{new},,,ACTIVE,NONE,30,{'7' * 64}")
    report = run(run_date="2020-09-24")
    assert report["facts"]["sources"] == {"read": 1, "kept": 1}
    assert rows(lake, "2020-09-24")[-1] == ("2020-09-23", 4, 2, 1)


@pytest.mark.parametrize(
    ("folder", "files", "error"),
    [
        ("t_dat=20200923", {}, "transactions/t_dat=20200923 must read t_dat=YYYY-MM-DD"),
        ("t_dat=2020-09-23", {}, "transactions/t_dat=2020-09-23 holds no .csv file"),
        ("t_dat=2020-09-23", {"a.csv": ""}, "transactions/t_dat=2020-09-23/a.csv is empty"),
        (
            "t_dat=2020-09-23",
            {"a.csv": "t_dat,customer_id\n1,2\n"},
            "transactions/t_dat=2020-09-23/a.csv: column article_id is missing",
        ),
    ],
)
def test_a_drop_that_is_none_stops_the_job(
    run: Run, raw_folder: Any, folder: str, files: dict[str, str], error: str
) -> None:
    path = raw_folder.path / "transactions" / folder
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    assert error in run(code=2)["error"]
