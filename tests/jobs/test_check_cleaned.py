"""The cleaned tables' checks on a temporary lake: what passes, warns and stops."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from jobs import check_cleaned
from tests.recsys.checks.conftest import RUN_DATE, Tables, put, replace, tables

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

__all__ = ["put", "tables"]

ARTICLES, CUSTOMERS, TRANSACTIONS = (
    f"cleaned.{name}" for name in ("articles", "customers", "transactions")
)
CLEANED = (ARTICLES, CUSTOMERS, TRANSACTIONS)
DAY_BEFORE = RUN_DATE - timedelta(days=1)
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(config: Config, lake: Lake) -> Run:
    """Run the job as of a day; its exit code and its report."""

    def _run(*flags: str, day: object = RUN_DATE) -> tuple[int, dict[str, Any]]:
        argv = ["--run-date", str(day), "--env", "test", "--lake", config.lake_root]
        argv += ["--data", config.data, "--report", "report.json"]
        code = check_cleaned.main([*argv, *flags])
        return code, json.loads(lake.fs.cat_file(f"{lake.root}/report.json"))

    return _run


@pytest.fixture
def cleaned(tables: Tables) -> Tables:
    return {name: tables[name] for name in CLEANED}


def found(lake: Lake, day: object = RUN_DATE) -> dict[tuple[str, str, str | None], str]:
    """Status of each check that is not ok."""
    rows = lake.read(Partition("checks.cleaned", str(day))).to_pylist()
    assert rows
    return {
        (r["dataset"], r["check"], r["column"]): r["status"] for r in rows if r["status"] != "ok"
    }


def folders(lake: Lake) -> set[str]:
    return {path.removeprefix(f"{lake.root}/") for path in lake.fs.glob(f"{lake.root}/*/*")}


def test_tables_without_a_fault(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake, raw_folder: Any
) -> None:
    put(cleaned)
    code, report = run()
    assert (code, report["status"]) == (0, "written")
    assert found(lake) == {}
    assert (report["facts"]["warning"], report["facts"]["breach"]) == (0, 0)
    rows = lake.read(Partition("checks.cleaned", str(RUN_DATE))).to_pylist()
    assert report["facts"]["ok"] == len(rows)
    assert {r["dataset"] for r in rows} == {
        *CLEANED, "articles.csv", "customers.csv", "transactions_train.csv",
    }  # fmt: skip
    assert {r["check"] for r in rows} == {
        "unexpected_columns", "changed_columns", "rows_share", "repeated_share", "null_share",
        "values", "orphan_share", "age_days", "daily_rows.share", "lost_rows", "rejected_share",
    }  # fmt: skip
    page = lake.fs.cat_file(f"{lake.root}/reports/checks/{RUN_DATE}-cleaned.html").decode()
    assert "4,320" in page and "transactions_train.csv" in page

    assert run()[1]["status"] == "unchanged"


Change = Callable[[Tables], Tables]


def without_a_day(tables: Tables) -> Tables:
    """Two of a hundred and twenty rows of the last day are left."""
    rows = tables[TRANSACTIONS]
    return tables | {TRANSACTIONS: rows.slice(0, rows.num_rows - 118)}


def without_a_week(tables: Tables) -> Tables:
    last = RUN_DATE - timedelta(days=9)
    table = tables[TRANSACTIONS]
    return tables | {TRANSACTIONS: table.filter(pc.field("t_dat") <= last)}


def with_values(name: str, column: str, **values: Any) -> Change:
    changes = {int(row[1:]): value for row, value in values.items()}
    return lambda tables: tables | {name: replace(tables[name], column, changes)}


FAULTS: dict[str, tuple[Change, dict[tuple[str, str, str | None], str]]] = {
    "a day with few rows": (without_a_day, {
        (TRANSACTIONS, "daily_rows.share", None): "breach",
        (TRANSACTIONS, "daily_rows.share", "quantity"): "breach",
    }),
    "stale": (without_a_week, {(TRANSACTIONS, "age_days", None): "breach"}),
    "null": (
        with_values(TRANSACTIONS, "price", _7=None),
        {(TRANSACTIONS, "null_share", "price"): "breach"},
    ),
    "channel": (
        with_values(TRANSACTIONS, "sales_channel_id", _7=3),
        {(TRANSACTIONS, "values", "sales_channel_id"): "breach"},
    ),
    "quantity": (
        with_values(TRANSACTIONS, "quantity", _7=0),
        {(TRANSACTIONS, "values", "quantity"): "breach"},
    ),
    "prices": (
        with_values(TRANSACTIONS, "price", **{f"_{n}": 9.0 for n in range(60)}),
        {(TRANSACTIONS, "values", "price"): "warning"},
    ),
    "age": (
        with_values(CUSTOMERS, "age", _7=120), {(CUSTOMERS, "values", "age"): "warning"},
    ),
    "orphan customer": (
        with_values(TRANSACTIONS, "customer_key", _7=99),
        {(TRANSACTIONS, "orphan_share", "customer_key"): "breach"},
    ),
    "orphan article": (
        with_values(TRANSACTIONS, "article_key", _7=1),
        {(TRANSACTIONS, "orphan_share", "article_key"): "breach"},
    ),
    "an id twice": (
        lambda tables: tables | {
            CUSTOMERS: pa.concat_tables([tables[CUSTOMERS], tables[CUSTOMERS].slice(0, 1)])
        },
        {(CUSTOMERS, "repeated_share", "customer_key"): "breach"},
    ),
    "no column": (
        lambda tables: tables | {TRANSACTIONS: tables[TRANSACTIONS].drop_columns(["price"])},
        {(TRANSACTIONS, "unexpected_columns", None): "breach"},
    ),
    "a new column": (
        lambda tables: tables | {
            ARTICLES: tables[ARTICLES].append_column("x", tables[ARTICLES].column(0))
        },
        {(ARTICLES, "unexpected_columns", None): "breach"},
    ),
    "a retyped column": (
        lambda tables: tables | {
            CUSTOMERS: tables[CUSTOMERS].set_column(
                0, "customer_key", pc.cast(tables[CUSTOMERS].column("customer_key"), pa.int64())
            )
        },
        {(CUSTOMERS, "unexpected_columns", None): "breach"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_nothing_else(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake, fault: str
) -> None:
    change, expected = FAULTS[fault]
    put(change(cleaned))
    before = folders(lake)
    code, report = run()
    assert found(lake) == expected
    breaches = [name for name, status in expected.items() if status == "breach"]
    assert code == (2 if breaches else 0)
    assert (report["facts"]["warning"], report["facts"]["breach"]) == (
        len(expected) - len(breaches), len(breaches),
    )  # fmt: skip
    assert folders(lake) - before == {"checks/cleaned", "reports/checks"}


def test_a_breach_stops_the_job_after_its_results_are_written(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake
) -> None:
    put(with_values(TRANSACTIONS, "customer_key", _7=99)(cleaned))
    code, report = run()
    page = f"{lake.root}/reports/checks/{RUN_DATE}-cleaned.html"
    message = (
        "cleaned.transactions.customer_key: 1 of 4320 rows have a key that is not in"
        " cleaned.customers; expected at most 0 (checks.orphan_share)"
    )
    assert (code, report["status"]) == (2, "bad_data")
    assert report["error"] == f"{message}; see {page}"
    assert report["facts"]["breaches"] == [message]
    assert message in lake.fs.cat_file(page).decode()

    # Asked again, it does not look again, and does not let the run pass either.
    code, report = run()
    assert (code, report["outputs"]) == (2, [])


def test_a_warning_goes_into_the_log_and_the_run_goes_on(
    run: Run,
    put: Callable[..., None],
    cleaned: Tables,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recsys.log.configure", lambda level: None)
    put(with_values(CUSTOMERS, "age", _7=120)(cleaned))
    with caplog.at_level(logging.WARNING, logger="recsys"):
        code, report = run()
    message = (
        "cleaned.customers.age: 1 of 40 values are not 16 to 99; expected at most 0.01"
        " (checks.values)"
    )
    assert (code, report["facts"]["warnings"]) == (0, [message])
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [message]


def test_rows_that_are_nowhere_and_rows_that_were_rejected(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake
) -> None:
    put(cleaned)
    put({ARTICLES: cleaned[ARTICLES]}, counts={"rows_read": 32, "rows_rejected": 2})
    put({CUSTOMERS: cleaned[CUSTOMERS]}, counts={"rows_read": 41})
    put({TRANSACTIONS: cleaned[TRANSACTIONS]}, counts={"rows_read": 4325, "rows_collapsed": 5})
    assert run()[0] == 2
    assert found(lake) == {
        (ARTICLES, "rejected_share", None): "warning",
        (CUSTOMERS, "lost_rows", None): "breach",
    }


def test_a_raw_file_whose_columns_are_not_known(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake, raw_folder: Any
) -> None:
    put(cleaned)
    raw_folder.write("transactions_train.csv", "t_dat,customer_id,article_id,price,shop", "1")
    code, report = run()
    assert code == 2
    assert report["facts"]["breaches"] == [
        "transactions_train.csv: sales_channel_id is missing, shop is new; expected at most 0"
        " (checks.unexpected_columns)"
    ]


def test_the_second_night_is_compared_with_the_first(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake
) -> None:
    put(cleaned, day=DAY_BEFORE)
    assert run(day=DAY_BEFORE)[0] == 0
    few = cleaned[CUSTOMERS].filter(pc.field("customer_key") < 41)
    half = few.num_rows // 2
    changed = replace(few, "postal_code", dict.fromkeys(range(half)))
    transactions = cleaned[TRANSACTIONS].filter(pc.field("customer_key") < 41)
    put(cleaned | {CUSTOMERS: changed, TRANSACTIONS: transactions})
    assert run()[0] == 0
    assert found(lake) == {
        (CUSTOMERS, "rows_share", None): "warning",
        (CUSTOMERS, "null_rise", "postal_code"): "warning",
    }


def test_what_stopped_one_night_stops_the_next_one_too(
    run: Run, put: Callable[..., None], cleaned: Tables, lake: Lake
) -> None:
    put(cleaned, day=RUN_DATE - timedelta(days=2))
    assert run(day=RUN_DATE - timedelta(days=2))[0] == 0
    few = pc.field("customer_key") < 12
    lost = {name: cleaned[name].filter(few) for name in (CUSTOMERS, TRANSACTIONS)}
    for day in (DAY_BEFORE, RUN_DATE):
        put(cleaned | lost, day=day)
        assert run("--set", "checks.daily_rows.least_median=1000", day=day)[0] == 2
        assert found(lake, day) == {(CUSTOMERS, "rows_share", None): "breach"}
    wider = ["--set", "checks.daily_rows.least_median=1000"]
    wider += ["--set", "checks.rows_share.breach.low=0.1"]
    assert run(*wider)[0] == 0
    assert found(lake) == {(CUSTOMERS, "rows_share", None): "warning"}


def test_limits_of_an_unknown_column_are_refused(
    run: Run, put: Callable[..., None], cleaned: Tables, config: Config
) -> None:
    put(cleaned)
    code, report = run("--set", "checks.values={cleaned.customers.shoe: {values: {low: 30}}}")
    assert code == 3
    assert report["error"].endswith("Got cleaned.customers.shoe")


def test_the_cleaned_tables_come_first(run: Run) -> None:
    code, report = run()
    assert code == 2
    assert report["error"].endswith("run clean_catalogue first")
