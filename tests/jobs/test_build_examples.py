"""The examples job on a temporary lake: pairs, their counts, and that they leak nothing."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from jobs import build_examples
from pyspark.sql import SparkSession
from tests.recsys.examples.conftest import fill_cleaned, run_features

from recsys.config import Config
from recsys.paths import Partition
from recsys.schemas import EXAMPLES_PAIRS, check_schema
from recsys.storage import Lake

__all__ = ["fill_cleaned", "run_features"]

pytestmark = pytest.mark.spark

RUN_DATE = date(2020, 9, 23)
PAIRS = Partition("examples.pairs", str(RUN_DATE))


@pytest.fixture
def run(config: Config, spark: SparkSession) -> Callable[..., int]:
    argv = ["--run-date", str(RUN_DATE), "--env", "test", "--lake", config.lake_root]
    argv += ["--set", f"state={config.state}", "--report", "report.json"]
    argv += ["--set", "examples.negatives_per_positive=2"]
    return lambda *flags: build_examples.main([*argv, *flags])


def report(lake: Lake) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lake.fs.cat_file(f"{lake.root}/report.json"))
    return content


def test_pairs_of_each_part_are_written_counted_and_the_same_again(
    lake: Lake,
    fill_cleaned: Callable[..., None],
    run_features: Callable[..., int],
    run: Callable[..., int],
) -> None:
    fill_cleaned()
    assert run_features("--training") == 0
    assert run() == 0
    pairs = lake.read(PAIRS)
    check_schema(pairs.schema, EXAMPLES_PAIRS, name="examples.pairs")
    rows = pairs.to_pylist()
    [output] = report(lake)["outputs"]
    # One purchase a customer and day, four windows of a week.
    positives = {"train": 70, "validation": 35, "test": 35}
    assert {part: output["counts"][f"{part}_positives"] for part in positives} == positives
    assert output["rows"] == len(rows)
    assert len(rows) + output["counts"]["negatives_missing"] == 140 * 3

    bought = lake.read(Partition("cleaned.transactions", str(RUN_DATE))).to_pylist()
    ends = {row["cutoff"]: row["label_end"] for row in lake.read(
        Partition("examples.split", str(RUN_DATE))).to_pylist()}  # fmt: skip
    for row in rows:
        known = {
            b["article_key"]
            for b in bought
            if b["customer_key"] == row["customer_key"] and b["t_dat"] < ends[row["cutoff"]]
        }
        assert (row["article_key"] in known) == bool(row["label"])

    assert run() == 0
    assert report(lake)["status"] == "unchanged"
    later = [(RUN_DATE + timedelta(days=n), 2 + n % 5, 2) for n in range(20)]
    fill_cleaned(later)
    assert run_features("--training") == 0
    assert run() == 0
    assert report(lake)["status"] == "written"
    assert lake.read(PAIRS).equals(pairs)


def test_without_the_split_the_job_says_what_to_run(lake: Lake, run: Callable[..., int]) -> None:
    assert run() == 2
    assert "run build_features first" in report(lake)["error"]
