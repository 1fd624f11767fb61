from collections.abc import Callable
from datetime import date, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertSchemaEqual

from recsys.config import ExamplesConfig
from recsys.examples.pairs import count_pairs, find_pool, find_positives, to_pairs
from recsys.examples.split import Snapshot
from recsys.schemas import EXAMPLES_PAIRS
from recsys.spark import to_struct

pytestmark = pytest.mark.spark

Make = Callable[..., DataFrame]
D = date(2020, 9, 1)


def test_positives_are_distinct_purchases_of_the_label_window(
    make_purchases: Make, snapshot: Snapshot
) -> None:
    rows = [(-1, 2, 10), (0, 2, 10), (0, 2, 10, 3), (6, 2, 10), (6, 3, 11), (7, 2, 12)]
    found = find_positives(make_purchases(rows), [snapshot])
    kept = found.select("part", "cutoff", "label_end", "customer_key", "article_key", "t_dat")
    first = ("train", D, D + timedelta(days=7))
    assert sorted(map(tuple, kept.collect())) == [
        (*first, 2, 10, D),
        (*first, 2, 10, D + timedelta(days=6)),
        (*first, 3, 11, D + timedelta(days=6)),
    ]
    assert found.select("positive_id").distinct().count() == 3


def test_a_positive_belongs_to_the_snapshot_of_its_day(
    make_purchases: Make, snapshot: Snapshot
) -> None:
    following = Snapshot("test", snapshot.label_end, snapshot.label_end + timedelta(days=2))
    found = find_positives(
        make_purchases([(6, 2, 10), (7, 2, 10), (8, 3, 10), (9, 3, 10)]), [snapshot, following]
    )
    days = [(row.part, (row.t_dat - D).days) for row in found.collect()]
    assert sorted(days) == [("test", 7), ("test", 8), ("train", 6)]


def test_the_pool_is_what_was_on_sale_or_sold_in_the_label_window(
    make_purchases: Make, make_on_sale: Make, snapshot: Snapshot
) -> None:
    purchases = make_purchases([(0, 2, 10, 2), (6, 3, 12, 5), (7, 3, 13), (-1, 3, 14)])
    articles = {D: make_on_sale({10: 14, 11: 0, 12: None, 13: None, 14: None})}

    def pool(config: ExamplesConfig) -> list[tuple[int, float]]:
        found = find_pool(purchases, articles, [snapshot], config)
        assert {row.cutoff for row in found.collect()} == {D}
        return sorted((row.article_key, row.weight) for row in found.collect())

    assert pool(ExamplesConfig()) == [(10, 1), (11, 1), (12, 1)]
    by_popularity = ExamplesConfig(sampling="popularity", popularity_exponent=0.5)
    assert pool(by_popularity) == [(10, 4), (11, 1), (12, pytest.approx(5**0.5))]


def test_a_positive_and_its_negatives_become_pairs_and_are_counted(spark: SparkSession) -> None:
    sampled = spark.createDataFrame(
        [
            (7, "train", D, D + timedelta(days=7), 2, 10, D, [13, 11]),
            (5, "test", D + timedelta(days=7), D + timedelta(days=9), 3, 11, D, [12]),
        ],
        "positive_id long, part string, cutoff date, label_end date, customer_key int, "
        "article_key int, t_dat date, negatives array<int>",
    )
    pairs = to_pairs(sampled)
    assertSchemaEqual(pairs.schema, to_struct(EXAMPLES_PAIRS), ignoreNullable=True)
    assert [tuple(row) for row in pairs.where(F.col("part") == "train").collect()] == [
        ("train", D, 7, 2, 10, 1, D),
        ("train", D, 7, 2, 11, 0, D),
        ("train", D, 7, 2, 13, 0, D),
    ]
    assert count_pairs(pairs, negatives_per_positive=2) == {
        "test_negatives": 1,
        "test_positives": 1,
        "train_negatives": 2,
        "train_positives": 1,
        "negatives_missing": 1,
    }
