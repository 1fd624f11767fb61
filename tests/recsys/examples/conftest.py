"""Purchases and articles on sale, around one snapshot with labels in [CUTOFF, CUTOFF + 7)."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from recsys.examples.split import Snapshot
from recsys.schemas import CLEANED_TRANSACTIONS, FEATURES_ARTICLES
from recsys.spark import to_struct

CUTOFF = date(2020, 9, 1)


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
