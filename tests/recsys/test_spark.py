import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

from recsys.spark import _write_file, conform, library_zip, write_parquet

pytestmark = pytest.mark.spark

SCHEMA = pa.schema([("article_key", pa.int32()), ("score", pa.float64())])


def test_rows_are_counted_while_they_are_written(spark: SparkSession, tmp_path: Path) -> None:
    frame = conform(
        spark.createDataFrame([(0.5, 2), (0.25, 3)], "score double, article_key long"), SCHEMA
    )
    written = write_parquet(frame, str(tmp_path))
    schema = written.schema
    assert (written.rows, schema.names, schema.types) == (2, SCHEMA.names, SCHEMA.types)
    assert spark.read.parquet(str(tmp_path)).count() == 2


def test_an_empty_frame_is_written_with_its_layout(spark: SparkSession, tmp_path: Path) -> None:
    empty = conform(spark.createDataFrame([], "article_key int, score double"), SCHEMA)
    written = write_parquet(empty, str(tmp_path))
    assert (written.rows, written.files) == (0, [f"{tmp_path}/part-00000.parquet"])
    assert spark.read.parquet(str(tmp_path)).columns == ["article_key", "score"]


def test_groups_of_rows_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [pa.record_batch({"article_key": pa.array(range(i, i + 4), pa.int32())})
               for i in range(0, 20, 4)]  # fmt: skip
    monkeypatch.setattr("recsys.spark.ROW_GROUP", 6)
    file = str(tmp_path / "a.parquet")
    assert _write_file(file, iter(batches), batches[0].schema) == 20
    found = pa.parquet.ParquetFile(file)
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [8, 8, 4]
    assert found.read()["article_key"].to_pylist() == list(range(20))


def test_shuffles_are_kept_where_the_process_keeps_its_own_files(spark: SparkSession) -> None:
    assert spark.conf.get("spark.local.dir") == gettempdir()


def test_workers_get_the_library_without_what_was_compiled_of_it(tmp_path: Path) -> None:
    names = ZipFile(library_zip()).namelist()
    assert {"recsys/spark.py", "recsys/serving/sql/0002_tables.sql"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    found = subprocess.run(
        [sys.executable, "-c", "import recsys.inference.topk as it; print(it.__file__)"],
        env={"PYTHONPATH": library_zip()}, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == f"{library_zip()}/recsys/inference/topk.py"
