"""Small cleaned tables, written down as rows."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from recsys.schemas import CLEANED_ARTICLES, CLEANED_CUSTOMERS, CLEANED_TRANSACTIONS
from recsys.spark import to_struct

CUTOFF = date(2020, 9, 1)


@pytest.fixture
def cutoff() -> date:
    return CUTOFF


@pytest.fixture
def make_transactions(spark: SparkSession) -> Callable[..., DataFrame]:
    """Make purchases of (days before the cutoff, customer, article[, quantity, price, channel])."""

    def make(*rows: Sequence[Any]) -> DataFrame:
        full = []
        for days, customer, article, *rest in rows:
            quantity, price, channel = (*rest, *(1, 0.5, 2)[len(rest) :])
            day = CUTOFF - timedelta(days=days)
            full.append((day, customer, article, price, channel, quantity))
        return spark.createDataFrame(full, to_struct(CLEANED_TRANSACTIONS))

    return make


def _table(spark: SparkSession, rows: list[dict[str, Any]], schema: pa.Schema) -> DataFrame:
    full = [tuple(row.get(name) for name in schema.names) for row in rows]
    return spark.createDataFrame(full, to_struct(schema))


@pytest.fixture
def make_customers(spark: SparkSession) -> Callable[..., DataFrame]:
    """Make customers of key=age; the age may be None."""

    def make(ages: dict[int, int | None]) -> DataFrame:
        bands = {None: "unknown", 18: "16-19", 22: "20-24", 40: "40-49", 45: "40-49"}
        rows = [
            {"customer_key": key, "age": age, "age_band": bands[age]} for key, age in ages.items()
        ]
        return _table(spark, rows, CLEANED_CUSTOMERS)

    return make


@pytest.fixture
def make_articles(spark: SparkSession) -> Callable[..., DataFrame]:
    """Make articles of key=product group; the group may be None."""

    def make(groups: dict[int, str | None]) -> DataFrame:
        rows = [{"article_key": key, "product_group_name": name} for key, name in groups.items()]
        return _table(spark, rows, CLEANED_ARTICLES)

    return make
