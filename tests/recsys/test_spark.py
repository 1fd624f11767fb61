from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from recsys.spark import conform, write_parquet

pytestmark = pytest.mark.spark

SCHEMA = pa.schema([("article_key", pa.int32()), ("score", pa.float64())])


def test_rows_are_counted_while_they_are_written(spark: SparkSession, tmp_path: Path) -> None:
    frame = conform(
        spark.createDataFrame([(0.5, 2), (0.25, 3)], "score double, article_key long"), SCHEMA
    )
    rows, schema = write_parquet(frame, str(tmp_path))
    assert (rows, schema.names, schema.types) == (2, SCHEMA.names, SCHEMA.types)
    assert spark.read.parquet(str(tmp_path)).count() == 2


def test_an_empty_frame_is_written_with_its_layout(spark: SparkSession, tmp_path: Path) -> None:
    rows, _ = write_parquet(
        conform(spark.createDataFrame([], "article_key int, score double"), SCHEMA), str(tmp_path)
    )
    assert rows == 0
    assert spark.read.parquet(str(tmp_path)).columns == ["article_key", "score"]
