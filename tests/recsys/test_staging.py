"""How Spark gets at files in a store: what they are called, what is copied and what is not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession
from tests.s3 import Store

from recsys import staging
from recsys.errors import ConfigError
from recsys.spark import read_parquet, to_struct, write_parquet

pytestmark = pytest.mark.spark

SCHEMA = pa.schema([("article_key", pa.int32()), ("day", pa.string())])


def put_rows(s3: Store, key: str, *values: int) -> str:
    """Put a Parquet file; return its address."""
    sink = pa.BufferOutputStream()
    table = pa.table({"article_key": pa.array(values, pa.int32()), "day": ["d"] * len(values)})
    pyarrow.parquet.write_table(table, sink)
    s3.put(key, sink.getvalue().to_pybytes())
    return f"{s3.address}/{key}"


def test_files_of_a_store_are_read_once_a_process(spark: SparkSession, s3: Store) -> None:
    files = [put_rows(s3, "lake/a.parquet", 2, 3), put_rows(s3, "lake/b.parquet", 4)]
    assert sorted(row[0] for row in read_parquet(spark, files).collect()) == [2, 3, 4]
    s3.delete("lake/a.parquet")
    assert sorted(row[0] for row in read_parquet(spark, files[:1]).collect()) == [2, 3]


def test_what_is_written_is_in_the_store_and_read_back(spark: SparkSession, s3: Store) -> None:
    frame = spark.createDataFrame([(2, "mon"), (3, "mon"), (4, "tue")], to_struct(SCHEMA))
    address = f"{s3.address}/lake/attempt-1"
    wrote = write_parquet(frame.repartition(2), address)
    assert wrote.rows == 3
    keys = s3.keys()
    assert {key.rsplit("/", 1)[0] for key in keys} == {"lake/attempt-1"}
    assert all(key.endswith(".parquet") for key in keys)
    assert wrote.files == sorted(f"{s3.address}/{key}" for key in keys)
    written = read_parquet(spark, wrote.files)
    assert sorted(map(tuple, written.collect())) == [(2, "mon"), (3, "mon"), (4, "tue")]
    there = pyarrow.parquet.read_table(address, columns=["article_key"])
    assert sorted(there["article_key"].to_pylist()) == [2, 3, 4]


def test_an_empty_frame_leaves_its_layout(spark: SparkSession, s3: Store) -> None:
    frame = spark.createDataFrame([], to_struct(SCHEMA))
    assert write_parquet(frame, f"{s3.address}/lake/attempt-2").rows == 0
    (key,) = s3.keys()
    assert read_parquet(spark, [f"{s3.address}/{key}"]).columns == SCHEMA.names


def test_any_store_that_fsspec_knows_will_do(spark: SparkSession) -> None:
    with fsspec.open("memory://lake/a.parquet", "wb") as file:
        pyarrow.parquet.write_table(pa.table({"article_key": [2]}), file)
    assert read_parquet(spark, ["memory://lake/a.parquet"]).count() == 1


def test_local_files_are_left_where_they_are(spark: SparkSession, tmp_path: Path) -> None:
    files = [str(tmp_path / "a.parquet"), f"file://{tmp_path}/b.parquet"]
    assert staging.readable(spark, files) == files


def test_hadoop_s_client_is_used_where_it_is(spark: SparkSession, monkeypatch: Any) -> None:
    monkeypatch.setattr(staging, "_has_client", lambda spark, scheme: scheme in ("s3a", "gs"))
    monkeypatch.setattr(staging, "copies", None)
    files = ["s3://b/lake/a.parquet", "gs://b/lake/a.parquet"]
    assert staging.readable(spark, files) == ["s3a://b/lake/a.parquet", "gs://b/lake/a.parquet"]


def test_hadoop_says_which_clients_it_has(spark: SparkSession) -> None:
    found = {scheme: staging._has_client(spark, scheme) for scheme in ("file", "s3a", "nowhere")}
    assert found == {"file": True, "s3a": False, "nowhere": False}


def test_a_cluster_without_a_client_is_one_sentence(spark: SparkSession, monkeypatch: Any) -> None:
    monkeypatch.setattr(staging, "_has_client", lambda spark, scheme: False)
    monkeypatch.setattr(staging, "_hadoop_version", lambda spark: "3.5.0")
    cluster = SimpleNamespace(sparkContext=SimpleNamespace(master="spark://there:7077"))
    with pytest.raises(ConfigError) as caught:
        # Only its master is asked for, and no second real session can run in this process.
        staging.readable(cluster, ["s3://b/a.parquet"])  # type: ignore[arg-type]
    assert str(caught.value) == (
        "Spark at spark://there:7077 has no client for s3:// addresses: add Hadoop's to its jars,"
        " for s3:// spark.jars.packages=org.apache.hadoop:hadoop-aws:3.5.0"
    )


def test_hadoop_is_told_what_boto3_reads(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staging.hadoop_settings() == {
        "spark.hadoop.fs.s3a.endpoint": s3.endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere:1")
    assert staging.hadoop_settings()["spark.hadoop.fs.s3a.endpoint"] == "http://elsewhere:1"
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert staging.hadoop_settings() == {}
