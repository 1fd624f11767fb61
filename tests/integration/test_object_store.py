"""The chain with its lake in an object store, where Spark has no client for it."""

import json
from pathlib import Path

import pytest
from jobs import (
    embed_images,
    evaluate,
    find_similar_articles,
    generate_candidates,
    rank_candidates,
    train_models,
)
from pyspark.sql import SparkSession
from tests import chain
from tests.s3 import Store

from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = [pytest.mark.spark, pytest.mark.tensorflow]

#: Spark's workers clean transactions, however few there are, and so use the store themselves.
BY_WORKERS = "--set=spark.small_rows=0"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return chain.simulate(tmp_path / "tiny")


@pytest.mark.timeout(1200)
def test_a_raw_folder_becomes_lists_in_a_bucket(
    data: Path, spark: SparkSession, s3: Store, tmp_path: Path
) -> None:
    folder, bucket = str(tmp_path / "lake"), f"{s3.address}/lake"
    for place, flags in ((folder, []), (bucket, [BY_WORKERS])):
        argv = [*chain.flags(str(data), place, tmp_path), "--report=report.json", *flags]
        for job in chain.NIGHT:
            chain.run(job, argv)
        chain.prepare_training(argv)
    lake = Lake(bucket)
    found = chain.rows(lake)
    names = {name.split("[")[0] for name in found}
    assert names == {*chain.NIGHT_DATA, *chain.TRAINING_DATA}
    assert found == chain.rows(Lake(folder))
    assert sum(len(rows) for name, rows in found.items() if name.startswith("rejected.")) == 1

    for job in (*chain.CHECKS, embed_images, train_models):
        chain.run(job, argv)
    version = json.loads(s3.get("lake/report.json"))["facts"]["model_version"]
    for job in (evaluate, generate_candidates, rank_candidates, find_similar_articles):
        chain.run(job, argv, "--model-version", version)
    lists = lake.read(Partition("recommendations.lists", chain.RUN_DATE)).to_pandas()
    assert lists.groupby("customer_key")["rank"].apply(sorted).tolist() == [[1, 2, 3, 4]] * 60
    similar = lake.read(Partition("recommendations.similar_articles", chain.RUN_DATE))
    assert similar.num_rows > 0


def test_raw_files_in_a_bucket_are_cleaned_like_those_in_a_folder(
    data: Path, spark: SparkSession, s3: Store, tmp_path: Path
) -> None:
    for path in data.rglob("*.csv"):
        s3.put(f"raw/{path.relative_to(data)}", path.read_bytes())
    sources = {"folder": str(data), "bucket": f"{s3.address}/raw"}
    found = {}
    for name, source in sources.items():
        flags = [BY_WORKERS] if name == "bucket" else []
        for job in chain.CLEANING:
            chain.run(job, [*chain.flags(source, str(tmp_path / name), tmp_path), *flags])
        found[name] = chain.rows(Lake(str(tmp_path / name)))
    assert len(found["bucket"]["cleaned.transactions[2020-09-23]"]) > 2000
    assert found["bucket"] == found["folder"]
    # A file that was changed in place is read again, though a copy of it is here.
    lines = (data / "customers.csv").read_bytes().splitlines(keepends=True)
    s3.put("raw/customers.csv", b"".join(lines[:-1]))
    argv = chain.flags(sources["bucket"], str(tmp_path / "bucket"), tmp_path)
    chain.run(chain.CLEANING[0], argv)
    assert len(chain.rows(Lake(str(tmp_path / "bucket")))["cleaned.customers[2020-09-23]"]) == 59
