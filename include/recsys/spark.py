"""Spark sessions, and Arrow schemas as Spark types."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import gettempdir
from zipfile import ZIP_DEFLATED, ZipFile

import fsspec
import pyarrow as pa
import pyarrow.parquet
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from recsys.config import Config
from recsys.errors import DataError
from recsys.java import ensure_java
from recsys.memory import keep_freed_memory
from recsys.staging import hadoop_settings, readable, scratch
from recsys.store import open_store

#: What a worker says of a file that it wrote.
FILES = pa.schema([("file", pa.string()), ("rows", pa.int64())])
#: The rows of a file that are held in memory until they are written together.
ROW_GROUP = 1 << 20
Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def build_session(config: Config, name: str, *, rows: int, task_cpus: int = 1) -> SparkSession:
    """Return a job's session; its master is spark-submit's, else the configured one, else local.

    `rows` says about how many the job will read: where they are fewer than `spark.small_rows`, Java
    compiles quickly rather than well, which starts a session and ends a small job in a third of the
    time. A task takes `task_cpus` of an executor's cores.

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
    if task_cpus > 1:  # else spark-submit's own choice holds
        builder = builder.config("spark.task.cpus", task_cpus)
    if rows < config.spark.small_rows:
        builder = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
    for key, value in hadoop_settings().items():
        builder = builder.config(key, value)
    # Set by spark-submit; a SparkConf made here would not yet know what it was told.
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        master = config.spark.master or "local[*]"
        builder = builder.master(master).config("spark.driver.memory", config.spark.driver_memory)
        # Java does not look at TMPDIR. The machines of a cluster have folders of their own.
        if master.startswith("local"):
            builder = builder.config("spark.local.dir", gettempdir())
    session = builder.getOrCreate()
    session.sparkContext.addPyFile(library_zip())
    return session


@cache
def library_zip() -> str:
    """Return the path of a zip that holds this library, without what was compiled of it."""
    folder, path = Path(__file__).parent, scratch() / "recsys.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.parent.name != "__pycache__":
                archive.write(file, file.relative_to(folder.parent))
    return str(path)


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


def by_workers(frame: DataFrame, work: Work, schema: pa.Schema) -> DataFrame:
    """Return `frame.mapInArrow(work)`, where work reaches stores as this process does."""
    store = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        os.environ.update(store)
        keep_freed_memory()
        yield from work(batches)

    return frame.mapInArrow(run, to_struct(schema))


@dataclass(frozen=True)
class Written:
    """What `write_work` wrote: rows, their layout, and the addresses of its files in order."""

    rows: int
    schema: pa.Schema
    files: list[str]


def write_parquet(frame: DataFrame, path: str) -> Written:
    """Write a frame into a folder that is there, see `write_work`."""
    return write_work(frame, iter, arrow_schema(frame), path)


def write_work(frame: DataFrame, work: Work, schema: pa.Schema, path: str) -> Written:
    """Write what `work` makes of a frame, in the worker that made it, into a folder that is there.

    Arrow writes: equal rows in equal order are equal files, byte for byte, and a task that is run
    again replaces what it had written. Spark's own writer lists the encodings of a column in
    another order in each Java process.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context is not None  # this runs in a task
        done = iter(work(batches))
        first = next(done, None)
        if first is None:
            return
        file = f"{path}/part-{context.partitionId():05d}.parquet"
        rows = _write_file(file, chain([first], done), schema)
        yield pa.RecordBatch.from_pydict({"file": [file], "rows": [rows]}, FILES)

    done = {row.file: row.rows for row in by_workers(frame, write, FILES).collect()}
    if not done:  # a folder without a file would say nothing of the columns
        file = f"{path}/part-00000.parquet"
        done[file] = _write_file(file, iter(()), schema)
    return Written(sum(done.values()), schema, sorted(done))


def _write_file(address: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write a Parquet file; return its rows."""
    fs, path = open_store(address)
    group: list[pa.RecordBatch] = []
    rows = 0
    with pa.parquet.ParquetWriter(path, schema, filesystem=fs, compression="zstd") as writer:
        for batch in batches:
            group.append(batch)
            rows += len(batch)
            if sum(map(len, group)) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(group).cast(schema))
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group).cast(schema))
    return rows
