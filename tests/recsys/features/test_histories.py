"""The facts that Spark's workers find for their customers are those of one process for all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession
from tests.recsys.features.conftest import (
    CUTOFF,
    make_articles,
    make_customers,
    make_transactions,
)

from recsys.features.facts import Catalogue
from recsys.features.histories import SUMMARIES, split_summaries, summarise_histories
from recsys.features.history import Purchases

pytestmark = pytest.mark.spark

ROWS = [
    (1 + n % 40, 2 + n % 11, 10 + n * n % 5, 1 + n % 2, (0.1, 0.25)[n % 2], 1 + n % 2)
    for n in range(300)
]


@pytest.fixture
def spread(
    spark: SparkSession, tmp_path: Path
) -> Callable[..., tuple[pa.Table, pa.Table, pa.Table]]:
    def spread(*rows: Any) -> tuple[pa.Table, pa.Table, pa.Table]:
        transactions = make_transactions(*rows)
        summarise_histories(
            spark.createDataFrame(transactions).repartition(3),
            Catalogue.of(make_customers({2: 22, 3: 40}), make_articles({10: "Shoes", 11: None})),
            cutoff=CUTOFF,
            history_length=4,
            tasks=3,
            path=str(tmp_path),
        )
        summaries = pyarrow.parquet.read_table(tmp_path)
        assert summaries.schema == SUMMARIES
        return transactions, *split_summaries(summaries)

    return spread


def test_workers_together_find_what_one_process_finds(spread, summarise) -> None:
    future = ((0, 2, 10, 50), (-3, 3, 11))
    transactions, customers, articles = spread(*ROWS, *future)
    expected = summarise(
        Purchases.of(transactions, cutoff=CUTOFF),
        make_customers({2: 22, 3: 40}),
        make_articles({10: "Shoes", 11: None}),
        history_length=4,
    )
    assert len(expected[0]) == 11
    assert customers.sort_by("customer_key") == expected[0]
    assert articles == expected[1]


def test_no_purchase_before_the_cutoff_gives_no_facts(spread) -> None:
    _, customers, articles = spread((0, 2, 10))
    assert (len(customers), len(articles)) == (0, 0)
