"""Lines and fields of raw files."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from recsys.cleaning.lines import is_not_utf8, parse_line, read_lines, set_aside, split_line

pytestmark = pytest.mark.spark


def lines_of(spark: SparkSession, path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return [row.line for row in read_lines(spark, str(path)).orderBy("position").collect()]


@pytest.mark.parametrize(
    "content",
    [
        b"head\na,1\nb,2\n",
        b"head\na,1\nb,2",
        b"head\r\na,1\r\nb,2\r\n",
        b"\xef\xbb\xbfhead\na,1\nb,2\n",
        b"head\n\na,1\n  \nb,2\n\n\n",
    ],
    ids=["lf", "no-last-end", "crlf", "bom", "blank-lines"],
)
def test_lines_without_header_and_blanks(
    spark: SparkSession, tmp_path: Path, content: bytes
) -> None:
    assert lines_of(spark, tmp_path / "f.csv", content) == ["a,1", "b,2"]


def test_only_the_first_line_is_the_header(spark: SparkSession, tmp_path: Path) -> None:
    assert lines_of(spark, tmp_path / "f.csv", b"head\na\nhead\n") == ["a", "head"]


def test_positions_follow_the_file_over_many_tasks(spark: SparkSession, tmp_path: Path) -> None:
    rows = [f"row {i:05}" for i in range(5000)]
    spark.conf.set("spark.sql.files.maxPartitionBytes", "4096")
    try:
        found = lines_of(spark, tmp_path / "f.csv", "\n".join(["head", *rows]).encode())
        assert read_lines(spark, str(tmp_path / "f.csv")).rdd.getNumPartitions() > 5
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert found == rows


QUOTED: dict[str, list[str | None]] = {
    '1,"a, ""b"" c",3': ["1", 'a, "b" c', "3"],
    "1,,": ["1", None, None],
    '"","",""': [None, None, None],
    '1,5" heel,3': ["1", '5" heel', "3"],
    '1,"a\\",3': ["1", "a\\", "3"],
    "1, a ,ö": ["1", " a ", "ö"],
}
WRONG_COUNT = ["1,2", "1,2,3,4", '1,"2,3', "1"]


def test_fields_of_a_parsed_line(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(line,) for line in [*QUOTED, *WRONG_COUNT]], "line string")
    parsed = frame.select(parse_line(F.col("line"), ["a", "b", "c"]).alias("r")).select("r.*")
    rows = parsed.collect()
    assert [[row.a, row.b, row.c] for row in rows[:6]] == list(QUOTED.values())
    assert [row.wrong_column_count for row in rows] == [None] * 6 + WRONG_COUNT


SPLIT = {
    "a,b,": ["a", "b", ""],
    '"a","b",c': ["a", "b", "c"],
    '"a"': ["a"],
    'a"b,"c': ['a"b', '"c'],
    '"a,b",c': ['"a', 'b"', "c"],
}


def test_split_takes_whole_quotes_off(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(line,) for line in SPLIT], "line string")
    found = [row[0] for row in frame.select(split_line(F.col("line"))).collect()]
    assert found == list(SPLIT.values())


def test_bytes_that_are_not_utf8(spark: SparkSession) -> None:
    lines = [b"caf\xc3\xa9", b"caf\xe9", "lost \ufffd".encode()]
    frame = spark.createDataFrame([(bytearray(line),) for line in lines], "b binary")
    found = frame.select(is_not_utf8(F.col("b").cast("string"))).collect()
    assert [row[0] for row in found] == [False, True, True]


def test_rows_set_aside_are_readable_and_in_file_order(spark: SparkSession) -> None:
    rows = [(3, b"z", "bad_age"), (1, b"caf\xe9", "not_utf8"), (2, b"good", None)]
    frame = spark.createDataFrame(
        [(p, bytearray(b), r) for p, b, r in rows], "position long, b binary, reason string"
    )
    checked = frame.select("position", "reason", F.col("b").cast("string").alias("line"))
    assert [tuple(row) for row in set_aside(checked, "customers.csv").collect()] == [
        ("not_utf8", "customers.csv", "caf\ufffd"),
        ("bad_age", "customers.csv", "z"),
    ]
