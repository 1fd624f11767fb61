"""Raw CSV files as lines and their fields: one line is one row, whatever is wrong with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.schemas import REJECTED
from recsys.spark import conform, read_text

POSITION = "position"


def read_lines(spark: SparkSession, path: str) -> DataFrame:
    """Return `position, line` of one file: its lines without the header and without blank lines.

    `position` rises with the place in the file, however many tasks read it, and says nothing else.
    Line ends are LF, CRLF or CR; a byte order mark goes with the header.
    """
    # A single file's splits become partitions in file order, so its first line gets number 0.
    numbered = read_text(spark, [path]).select(
        F.monotonically_increasing_id().alias(POSITION), F.col("value").alias(C.LINE)
    )
    return numbered.where((F.col(POSITION) != 0) & (F.trim(C.LINE) != ""))


def split_line(line: Column) -> Column:
    """Return the fields of a line in which no field may hold a comma, as an array.

    Twice as quick as a CSV parser. Quotes around a whole field are taken off.
    """
    unquoted = F.regexp_replace(line, '(^|,)"([^",]*)"(?=,|$)', "$1$2")
    return F.split(F.when(line.contains('"'), unquoted).otherwise(line), ",", -1)


def parse_line(line: Column, names: Sequence[str]) -> Column:
    """Return the fields of a line as a struct of strings, by the rules of Kaggle's files.

    A quoted field may hold commas, and a quote as two quotes. An empty field is null. The last
    member, `wrong_column_count`, is null where the line has as many fields as `names`.
    """
    schema = ", ".join(f"`{name}` string" for name in [*names, "wrong_column_count"])
    options = {"escape": '"', "columnNameOfCorruptRecord": "wrong_column_count"}
    return F.from_csv(line, schema, options)


def is_not_utf8(line: Column) -> Column:
    """Whether a line's bytes are not UTF-8, or hold the mark that lost bytes leave."""
    return ~F.is_valid_utf8(line) | line.contains("\ufffd")


def readable(line: Column) -> Column:
    """Return a line fit for a text column: each undecodable byte becomes U+FFFD."""
    return F.make_valid_utf8(line)


def set_aside(checked: DataFrame, file: str) -> DataFrame:
    """Return the rows of one file that have a reason as `schemas.REJECTED`, in their order."""
    rejected = checked.where(F.col(C.REASON).isNotNull()).orderBy(POSITION)
    line = readable(F.col(C.LINE)).alias(C.LINE)
    return conform(rejected.select(C.REASON, F.lit(file).alias(C.FILE), line), REJECTED)


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """Yield a frame that is computed once, and forget it at the end of the block.

    One left behind would answer for a later frame of the same session that reads the same path.
    """
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()
