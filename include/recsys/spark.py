"""Spark sessions, and Arrow schemas as Spark types."""

import os
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from recsys.config import Config
from recsys.errors import DataError
from recsys.java import ensure_java
from recsys.staging import hadoop_settings, readable, scratch, writable, written


def build_session(config: Config, name: str, *, rows: int) -> SparkSession:
    """Return a job's session; its master is spark-submit's, else the configured one, else local.

    `rows` says about how many the job will read: where they are fewer than `spark.small_rows`, Java
    compiles quickly rather than well, which starts a session and ends a small job in a third of the
    time.

    Workers get this library, for functions that run in their Python processes.
    Dates and times are UTC; integer overflow and bad casts raise (ANSI mode, Spark 4's default).
    """
    os.environ["JAVA_HOME"] = str(ensure_java(Path(config.state)))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", config.spark.shuffle_partitions)
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.parquet.compression.codec", "zstd")
        # A history is some hundred folders of a file each: listed here, not by a Spark job.
        .config("spark.sql.sources.parallelPartitionDiscovery.threshold", 10_000)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
    )
    if rows < config.spark.small_rows:
        builder = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
    for key, value in hadoop_settings().items():
        builder = builder.config(key, value)
    # Set by spark-submit; a SparkConf made here would not yet know what it was told.
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.master(config.spark.master or "local[*]").config(
            "spark.driver.memory", config.spark.driver_memory
        )
    session = builder.getOrCreate()
    session.sparkContext.addPyFile(library_zip())
    return session


@cache
def library_zip() -> str:
    """Return the path of a zip that holds this library."""
    folder = Path(__file__).parent
    return shutil.make_archive(str(scratch() / "recsys"), "zip", folder.parent, folder.name)


def to_struct(schema: pa.Schema) -> StructType:
    """Return an Arrow schema as a Spark struct type."""
    return from_arrow_schema(schema)


def conform(frame: DataFrame, schema: pa.Schema) -> DataFrame:
    """Return the frame's columns in the schema's order and types; the end of every transform."""
    fields = to_struct(schema).fields
    return frame.select(*[F.col(field.name).cast(field.dataType) for field in fields])


def arrow_schema(frame: DataFrame) -> pa.Schema:
    """Return a frame's layout as an Arrow schema."""
    return to_arrow_schema(frame.schema)


def read_parquet(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Return what a lake's files hold together, as in `read_parquet(spark, lake.files(...))`.

    Raises:
        DataError: there is no file.
        ConfigError: they are in a store that Spark cannot reach.
    """
    if not files:
        raise DataError("no Parquet file to read: every row lies outside of what is asked for")
    names = readable(spark, files)
    place = files[0] if "://" in names[0] else names[0]  # fsspec knows no s3a://
    with fsspec.open(place, "rb") as file:  # Spark would start a job to find the columns
        schema = to_struct(pyarrow.parquet.read_schema(file))
    return spark.read.schema(schema).parquet(*names)


def read_text(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Return the lines of raw files as `value`.

    Raises:
        ConfigError: they are in a store that Spark cannot reach.
    """
    return spark.read.text(readable(spark, files, may_change=True))


def write_parquet(frame: DataFrame, path: str) -> tuple[int, pa.Schema]:
    """Write a frame into a folder that may exist; return its rows, counted on the way, and layout.

    As in `draft.rows, draft.schema = write_parquet(frame, draft.path)`.
    """
    observation = Observation()
    counted = frame.observe(observation, F.count(F.lit(1)).alias("rows"))
    with writable(frame.sparkSession, path) as folder:
        counted.write.mode("append").parquet(folder)
    return int(observation.get["rows"]), arrow_schema(frame)


def read_written(spark: SparkSession, path: str, schema: StructType) -> DataFrame:
    """Return what `write_parquet` wrote into a folder, as `schema`."""
    return spark.read.schema(schema).parquet(written(spark, path))
