"""Purchases and articles on sale, around one snapshot with labels in [CUTOFF, CUTOFF + 7)."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from jobs import build_features
from pyspark.sql import DataFrame, SparkSession
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys.config import Config
from recsys.examples.split import Snapshot
from recsys.paths import Partition
from recsys.schemas import (
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    CLEANED_TRANSACTIONS,
    FEATURES_ARTICLES,
)
from recsys.spark import to_struct
from recsys.storage import Lake

CUTOFF = date(2020, 9, 1)
RUN_DATE = date(2020, 9, 23)


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot("train", CUTOFF, CUTOFF + timedelta(days=7))


@pytest.fixture
def make_purchases(spark: SparkSession) -> Callable[..., DataFrame]:
    """Make purchases of (days after the cutoff, customer, article[, quantity])."""

    def make(rows: Iterable[tuple[Any, ...]]) -> DataFrame:
        full = [
            (CUTOFF + timedelta(days=days), customer, article, 0.5, 2, *(quantity or [1]))
            for days, customer, article, *quantity in rows
        ]
        return spark.createDataFrame(full, to_struct(CLEANED_TRANSACTIONS))

    return make


@pytest.fixture
def make_on_sale(spark: SparkSession) -> Callable[..., DataFrame]:
    """Make features.articles of key=sales of the last 30 days; None is not on sale."""

    def make(sales: dict[int, int | None]) -> DataFrame:
        rows = [
            tuple(
                {
                    "article_key": key,
                    "sales_30d": pieces or 0,
                    "is_on_sale": pieces is not None,
                }.get(n)
                for n in FEATURES_ARTICLES.names
            )
            for key, pieces in sales.items()
        ]
        return spark.createDataFrame(rows, to_struct(FEATURES_ARTICLES))

    return make


@pytest.fixture
def fill_cleaned(lake: Lake) -> Callable[..., None]:
    """Commit the cleaned tables of a run date: five customers, nine articles, 40 days.

    Each customer buys an article a day until RUN_DATE; `extra` rows are (day, customer, article).
    """

    def fill(extra: Iterable[tuple[date, int, int]] = (), run_date: date = RUN_DATE) -> None:
        days = [RUN_DATE - timedelta(days=number) for number in range(40, 0, -1)]
        rows = [
            (day, customer, 2 + (customer * 5 + number // 3) % 9)
            for number, day in enumerate(days)
            for customer in range(2, 7)
        ]
        commit_transactions(lake, run_date, make_transactions([(*r, 1) for r in [*rows, *extra]]))
        customers = [{"customer_key": key, "age": 30, "age_band": "30-39"} for key in range(2, 7)]
        articles = [{"article_key": key, "product_group_name": "Shoes"} for key in range(2, 11)]
        for name, table, schema in (
            ("customers", customers, CLEANED_CUSTOMERS),
            ("articles", articles, CLEANED_ARTICLES),
        ):
            partition = Partition(f"cleaned.{name}", str(run_date))
            with lake.write(partition, fingerprint="of the same files") as draft:
                lake.put_table(draft, pa.Table.from_pylist(table, schema=schema))

    return fill


@pytest.fixture
def run_features(config: Config) -> Callable[..., int]:
    """Run the job build_features on the lake; its exit code."""
    argv = ["--env", "test", "--lake", config.lake_root, "--set", f"state={config.state}"]
    argv += ["--report", "report.json", "--run-date"]
    return lambda *flags, run_date=RUN_DATE: build_features.main([*argv, str(run_date), *flags])
