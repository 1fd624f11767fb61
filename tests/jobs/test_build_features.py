"""The features job on a temporary lake: what it writes, what it skips, what it refuses."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from tests.recsys.examples.conftest import fill_cleaned, run_features

from recsys.paths import Partition
from recsys.storage import Lake

__all__ = ["fill_cleaned", "run_features"]

pytestmark = pytest.mark.spark

RUN_DATE = date(2020, 9, 23)
DATASETS = ("customers", "articles", "popularity", "copurchases")


def report(lake: Lake) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lake.fs.cat_file(f"{lake.root}/report.json"))
    return content


def contents(lake: Lake, cutoff: date) -> dict[str, list[str]]:
    tables = {name: lake.read(Partition(f"features.{name}", str(cutoff))) for name in DATASETS}
    return {name: sorted(map(str, table.to_pylist())) for name, table in tables.items()}


def test_the_features_of_the_run_date_see_only_what_was_before_it(
    spark: SparkSession,
    lake: Lake,
    fill_cleaned: Callable[..., None],
    run_features: Callable[..., int],
) -> None:
    fill_cleaned()
    assert run_features() == 0
    found = contents(lake, RUN_DATE)
    assert {name: len(rows) for name, rows in found.items()} == {
        "customers": 5, "articles": 9, "popularity": 81, "copurchases": 72,
    }  # fmt: skip
    assert report(lake)["status"] == "written"

    assert run_features() == 0
    assert report(lake)["status"] == "unchanged"

    later = [(RUN_DATE + timedelta(days=n), 2 + n % 5, 2) for n in range(20)]
    fill_cleaned(later)
    assert run_features() == 0
    assert report(lake)["status"] == "unchanged"
    assert run_features("--force") == 0
    assert report(lake)["status"] == "written"
    assert contents(lake, RUN_DATE) == found
    assert not lake.fs.exists(f"{lake.root}/scratch/features/{RUN_DATE}")


def carried_from(lake: Lake, cutoff: date) -> str | None:
    manifest = lake.require(Partition("features.customers", str(cutoff)))
    found: str | None = manifest.notes["carried_from"]
    return found


def test_a_night_starts_from_the_one_before_and_finds_what_the_whole_history_gives(
    spark: SparkSession,
    lake: Lake,
    fill_cleaned: Callable[..., None],
    run_features: Callable[..., int],
) -> None:
    fill_cleaned()
    assert run_features() == 0
    assert carried_from(lake, RUN_DATE) is None
    second, third = RUN_DATE + timedelta(days=1), RUN_DATE + timedelta(days=3)
    drops = [(RUN_DATE, 2, 9), (RUN_DATE, 2, 9), (second, 3, 10), (third, 4, 3)]
    for night, before in ((second, RUN_DATE), (third, second)):
        fill_cleaned(drops, run_date=night)
        assert run_features(run_date=night) == 0
        assert carried_from(lake, night) == str(before)
    found = contents(lake, third)
    assert "'transactions': 42" in "".join(found["customers"])
    assert run_features("--force", run_date=third) == 0
    assert carried_from(lake, third) is None
    assert contents(lake, third) == found


def test_a_corrected_day_or_other_settings_are_not_carried_over(
    spark: SparkSession,
    lake: Lake,
    fill_cleaned: Callable[..., None],
    run_features: Callable[..., int],
) -> None:
    night = RUN_DATE + timedelta(days=2)
    fill_cleaned()
    assert run_features() == 0
    assert run_features(run_date=night) == 2  # not cleaned yet
    fill_cleaned(run_date=night)
    assert run_features("--set", "features.history_length=5", run_date=night) == 0
    assert carried_from(lake, night) is None
    fill_cleaned([(RUN_DATE - timedelta(days=9), 2, 4)], run_date=night)
    assert run_features(run_date=night) == 0
    assert carried_from(lake, night) is None


def test_training_splits_and_builds_features_as_of_each_snapshot(
    spark: SparkSession,
    lake: Lake,
    fill_cleaned: Callable[..., None],
    run_features: Callable[..., int],
) -> None:
    fill_cleaned()
    assert run_features("--training") == 0
    split = lake.read(Partition("examples.split", str(RUN_DATE))).to_pylist()
    # Forty days of five pieces, days 0 to 39 from August 14: the last two weeks are held out.
    start = date(2020, 8, 14)
    assert [(row["part"], (row["cutoff"] - start).days) for row in split] == [
        ("train", 12), ("train", 19), ("validation", 26), ("test", 33),
    ]  # fmt: skip
    for row in split:
        assert len(contents(lake, row["cutoff"])["customers"]) == 5
    assert lake.manifest(Partition("features.customers", str(RUN_DATE))) is None

    # A lost snapshot is made again, alone.
    lake.fs.rm(f"{lake.root}/features/articles/{split[0]['cutoff']}", recursive=True)
    assert run_features("--training") == 0
    assert {output["key"] for output in report(lake)["outputs"]} == {str(split[0]["cutoff"])}


def test_without_cleaned_data_the_job_says_what_to_run(
    lake: Lake, run_features: Callable[..., int]
) -> None:
    assert run_features() == 2
    assert "run clean_transactions first" in report(lake)["error"]


def test_too_few_weeks_for_the_split_are_bad_data(
    lake: Lake, fill_cleaned: Callable[..., None], run_features: Callable[..., int]
) -> None:
    fill_cleaned()
    assert run_features("--training", "--set", "examples.split.test_weeks=9") == 2
    assert "give more transactions or fewer weeks" in report(lake)["error"]
