"""The features' checks on a temporary lake: keys, nulls, values, and how far they moved."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from jobs import check_features
from tests.recsys.checks.conftest import RUN_DATE, Tables, put, replace, tables

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

__all__ = ["put", "tables"]

ARTICLES, CUSTOMERS = "features.articles", "features.customers"
DAY_BEFORE = RUN_DATE - timedelta(days=1)
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(config: Config, lake: Lake) -> Run:
    """Run the job as of a day, judging drift from 30 rows on; its exit code and its report."""

    def _run(*flags: str, day: object = RUN_DATE) -> tuple[int, dict[str, Any]]:
        argv = ["--run-date", str(day), "--env", "test", "--lake", config.lake_root]
        argv += ["--report", "report.json", "--set", "checks.drift.least_rows=30"]
        code = check_features.main([*argv, *flags])
        return code, json.loads(lake.fs.cat_file(f"{lake.root}/report.json"))

    return _run


def results(lake: Lake, day: object = RUN_DATE) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(Partition("checks.features", str(day))).to_pylist()
    return rows


def found(lake: Lake, day: object = RUN_DATE) -> dict[tuple[str, str, str | None], str]:
    """Status of each check that is not ok."""
    return {
        (r["dataset"], r["check"], r["column"]): r["status"]
        for r in results(lake, day)
        if r["status"] != "ok"
    }


def test_features_without_a_fault_leave_a_histogram_of_each(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    put(tables)
    code, report = run()
    assert (code, report["status"], found(lake)) == (0, "written", {})
    drifts = {(r["dataset"], r["column"]): r for r in results(lake) if r["check"] == "drift.psi"}
    expected = {
        (name, field.name)
        for name in (ARTICLES, CUSTOMERS)
        for field in tables[name].schema
        if not field.name.endswith("_key") and not pa.types.is_list(field.type)
    }
    assert set(drifts) == expected
    # Thirty articles sold 2 to 31 pieces: three in each tenth.
    sales = drifts[ARTICLES, "sales"]
    assert (len(sales["edges"]), sum(sales["counts"]), sales["categories"]) == (9, 30, None)
    bands = drifts[CUSTOMERS, "age_band"]
    assert (bands["categories"], bands["counts"]) == (
        ["00+", "10+", "20+", "30+"],
        [10] * 4 + [0, 0],
    )
    page = lake.fs.cat_file(f"{lake.root}/reports/checks/{RUN_DATE}-features.html").decode()
    assert "features.customers.age_band" in page

    assert run()[1]["status"] == "unchanged"


FAULTS: dict[str, tuple[str, str, dict[int, Any], tuple[str, str, str]]] = {
    "a key that is not in the catalogue": (
        ARTICLES, "article_key", {29: 99}, (ARTICLES, "orphan_share", "article_key"),
    ),
    "a purchase on the run date": (
        CUSTOMERS, "recency_days", {3: 0}, (CUSTOMERS, "values", "recency_days"),
    ),
    "a sale on the run date": (
        ARTICLES, "days_since_sale", {3: 0}, (ARTICLES, "values", "days_since_sale"),
    ),
    "a share above one": (
        CUSTOMERS, "channel_2_share", {3: 1.5}, (CUSTOMERS, "values", "channel_2_share"),
    ),
    "less than nothing sold": (ARTICLES, "sales", {3: -1}, (ARTICLES, "values", "sales")),
    "no count": (ARTICLES, "sales", {3: None}, (ARTICLES, "null_share", "sales")),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_stops_the_run(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake, fault: str
) -> None:
    name, column, values, expected = FAULTS[fault]
    put(tables | {name: replace(tables[name], column, values)})
    assert run()[0] == 2
    others = (
        {(ARTICLES, "missing_share", "article_key")} if expected[1] == "orphan_share" else set()
    )
    assert found(lake) == dict.fromkeys({expected, *others}, "breach")


def test_a_customer_without_features_and_one_with_two_rows(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    people = tables[CUSTOMERS]
    put(tables | {CUSTOMERS: pa.concat_tables([people.slice(1), people.slice(5, 1)])})
    assert run()[0] == 2
    assert found(lake) == {
        (CUSTOMERS, "missing_share", "customer_key"): "breach",
        (CUSTOMERS, "repeated_share", "customer_key"): "breach",
    }


def test_a_column_that_is_not_there(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    put(tables | {ARTICLES: tables[ARTICLES].drop_columns(["sales"])})
    assert run()[0] == 2
    assert found(lake) == {(ARTICLES, "unexpected_columns", None): "breach"}


def test_a_feature_that_moved_is_a_warning_and_a_breach_only_where_it_is_configured(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    put(tables, day=DAY_BEFORE)
    assert run(day=DAY_BEFORE)[0] == 0
    other_bands = replace(tables[CUSTOMERS], "age_band", dict.fromkeys(range(20), "90+"))
    more_sales = replace(tables[ARTICLES], "sales", {n: 32 + n for n in range(15)})
    put(tables | {CUSTOMERS: other_bands, ARTICLES: more_sales})
    moved = {(CUSTOMERS, "drift.psi", "age_band"), (ARTICLES, "drift.psi", "sales")}

    code, report = run()
    assert (code, found(lake)) == (0, dict.fromkeys(moved, "warning"))
    assert report["facts"]["warning"] == 2

    assert run("--set", "checks.drift.psi.breach.high=0.25")[0] == 2
    assert found(lake) == dict.fromkeys(moved, "breach")


def test_the_night_after_needs_the_results_alone_not_the_old_features(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    put(tables, day=DAY_BEFORE)
    assert run(day=DAY_BEFORE)[0] == 0
    lake.fs.rm(f"{lake.root}/features/articles/{DAY_BEFORE}", recursive=True)
    put(tables)
    assert (run()[0], found(lake)) == (0, {})
    compared = {
        r["value"] for r in results(lake) if r["check"] == "drift.psi" and r["dataset"] == ARTICLES
    }
    assert compared == {0.0}


def test_fewer_rows_than_it_takes_are_not_judged(
    run: Run, put: Callable[..., None], tables: Tables, lake: Lake
) -> None:
    put(tables, day=DAY_BEFORE)
    assert run(day=DAY_BEFORE)[0] == 0
    put(tables | {ARTICLES: replace(tables[ARTICLES], "sales", dict.fromkeys(range(30), 99))})
    assert run("--set", "checks.drift.least_rows=31")[0] == 0
    assert found(lake) == {}
