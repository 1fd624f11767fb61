"""Keys: dense, ascending with the id, and never changed."""

import pytest
from pyspark.sql import DataFrame, SparkSession

from recsys.cleaning.keys import extend_keys, new_keys
from recsys.paths import Partition
from recsys.step import Step
from recsys.storage import Lake

pytestmark = pytest.mark.spark


def ids(spark: SparkSession, *values: str) -> DataFrame:
    return spark.createDataFrame([(v,) for v in values], "article_id string")


def test_the_first_keys_start_at_two_in_the_order_of_the_ids(spark: SparkSession) -> None:
    found = new_keys(ids(spark, "0300", "0100", "0200"), None, id_column="article_id")
    assert sorted(map(tuple, found.collect())) == [("0100", 2), ("0200", 3), ("0300", 4)]


def test_new_ids_come_after_the_old_whatever_their_order(spark: SparkSession) -> None:
    old = spark.createDataFrame([("0200", 2), ("0300", 3)], "article_id string, article_key int")
    found = new_keys(ids(spark, "0300", "0250", "0100"), old, id_column="article_id")
    assert sorted(map(tuple, found.collect())) == [("0100", 4), ("0250", 5)]


def extend(
    spark: SparkSession, lake: Lake, *values: str, fingerprint: str
) -> list[tuple[str, int]]:
    step = Step(lake, [Partition("keys.articles", "all")], {}, {}, fingerprint)
    rows = [(v, None) for v in values] + [("0999", "bad_number")]
    checked = spark.createDataFrame(rows, "article_id string, reason string")
    return sorted(map(tuple, extend_keys(step, checked, "articles").collect()))


def test_a_map_only_grows(spark: SparkSession, lake: Lake) -> None:
    first = [("0200", 2), ("0300", 3)]
    assert extend(spark, lake, "0300", "0200", fingerprint="one") == first
    grown = [("0100", 4), ("0200", 2), ("0300", 3)]
    assert extend(spark, lake, "0100", "0300", fingerprint="two") == grown
    assert extend(spark, lake, "0300", fingerprint="three") == grown
    manifest = lake.require(Partition("keys.articles", "all"))
    assert (manifest.fingerprint, manifest.rows, manifest.counts) == ("two", 3, {"keys_added": 1})


def test_a_map_is_written_in_the_order_of_its_keys(spark: SparkSession, lake: Lake) -> None:
    extend(spark, lake, "0300", "0200", fingerprint="one")
    extend(spark, lake, "0100", fingerprint="two")
    table = lake.read(Partition("keys.articles", "all"))
    assert table.to_pydict() == {
        "article_id": ["0200", "0300", "0100"],
        "article_key": [2, 3, 4],
    }
