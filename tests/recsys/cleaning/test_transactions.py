"""Transactions: each reason, their order, and identical rows as a quantity."""

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recsys.cleaning.transactions import (
    broadcast_customers,
    check_transactions,
    collapse_transactions,
    named_customers,
    write_transactions,
)
from recsys.paths import Partition
from recsys.schemas import CLEANED_TRANSACTIONS
from recsys.spark import arrow_schema
from recsys.storage import Draft

pytestmark = pytest.mark.spark

ANNA, BERTA = "a" * 64, "B" * 64
GOOD = f"2020-09-21,{ANNA},0108775015,0.0508,2"
TODAY = date(2020, 9, 23)


def check(spark: SparkSession, *lines: str | bytes, drop_day: date | None = None) -> DataFrame:
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    frame = spark.createDataFrame(
        [(i, bytearray(line)) for i, line in enumerate(raw, start=1)], "position long, b binary"
    )
    return check_transactions(
        frame.select(
            "position",
            F.col("b").cast("string").alias("line"),
            F.lit("file.csv").alias("file"),
            F.lit(drop_day).cast("date").alias("drop_day"),
        ),
        articles=spark.createDataFrame(
            [("0108775015", 2), ("0111565001", 3)], "article_id string, article_key int"
        ),
        customers=spark.createDataFrame(
            [(ANNA, 2), (BERTA, 3)], "customer_id string, customer_key int"
        ),
        today=TODAY,
        max_price=10.0,
    )


def swap(column: int, value: str) -> str:
    fields = GOOD.split(",")
    fields[column] = value
    return ",".join(fields)


VALID: list[str | bytes] = [
    GOOD,
    '"' + GOOD.replace(",", '","') + '"',
    swap(3, "0"),
    swap(3, "10.0"),
    swap(3, "5e-2"),
    swap(0, "2020-09-23"),
    swap(0, "2020-02-29"),
    swap(1, BERTA),
]
REJECTED: dict[str, list[str | bytes]] = {
    "not_utf8": [GOOD.encode() + b"\xe9", GOOD + "\ufffd", b"\xff\xfe"],
    "wrong_column_count": [GOOD + ",", GOOD[:-2], "x", swap(1, f'"{ANNA[:-1]},"')],
    "bad_date": [
        swap(0, value)
        for value in ("", "20200921", "2020-9-21", "2020", "2020-02-30", " 2020-09-21",
                      "2020-09-21T10", "21/09/2020", "null")
    ],
    "date_in_future": [swap(0, "2020-09-24"), swap(0, "9999-12-31")],
    "bad_customer_id": [swap(1, value) for value in ("", ANNA[:-1], ANNA + "a", "g" * 64)],
    "bad_article_id": [swap(2, value) for value in ("", "108775015", "01087750155", "010877501x")],
    "bad_price": [
        swap(3, value)
        for value in ("", "free", "NaN", "inf", "Infinity", "1e400", "0.05d", "0x1p3", " 1", "1-1")
    ],
    "negative_price": [swap(3, "-0.01"), swap(3, "-1e-9")],
    "absurd_price": [swap(3, "10.01"), swap(3, "1e9")],
    "bad_channel": [swap(4, value) for value in ("", "3", "0", "2.0", " 1", "-1", "x", "300")],
    "unknown_customer": [swap(1, "c" * 64), swap(1, BERTA.lower())],
    "unknown_article": [swap(2, "0999999999")],
}  # fmt: skip


def test_each_row_by_itself(spark: SparkSession) -> None:
    cases = [(line, None) for line in VALID]
    cases += [(line, reason) for reason, lines in REJECTED.items() for line in lines]
    found = check(spark, *[line for line, _ in cases]).orderBy("position").collect()
    unlike = [(c, r.reason) for c, r in zip(cases, found, strict=True) if c[1] != r.reason]
    assert unlike == []


def test_of_several_faults_the_first_in_a_fixed_order_is_named(spark: SparkSession) -> None:
    fields = ["2020-02-30", "short", "108775015", "-1", "9"]
    repairs = ["2020-09-24", "2020-09-21", "c" * 64, "0999999999", "11", "0.1", "1", ANNA]
    columns = [0, 0, 1, 2, 3, 3, 4, 1]
    lines = [",".join(fields).encode() + b"\xe9", ",".join([*fields, "6"]), ",".join(fields)]
    for column, value in zip(columns, repairs, strict=True):
        fields[column] = value
        lines.append(",".join(fields))
    assert [row.reason for row in check(spark, *lines).orderBy("position").collect()] == [
        "not_utf8",
        "wrong_column_count",
        "bad_date",
        "date_in_future",
        "bad_customer_id",
        "bad_article_id",
        "negative_price",
        "absurd_price",
        "bad_channel",
        "unknown_customer",
        "unknown_article",
    ]


def test_a_row_of_a_drop_must_be_of_its_day(spark: SparkSession) -> None:
    lines = [GOOD, swap(0, "2020-09-22"), swap(0, "soon")]
    checked = check(spark, *lines, drop_day=date(2020, 9, 21)).orderBy("position")
    assert [row.reason for row in checked.collect()] == [None, "wrong_day", "bad_date"]


def test_a_day_s_digest_says_which_rows_it_has(spark: SparkSession, tmp_path: Path) -> None:
    def digests(name: str, *lines: str) -> dict[date, str]:
        draft = Draft(Partition("cleaned.loads", name), str(tmp_path / name))
        written = write_transactions(check(spark, *lines), draft)
        return {day: found.digest for day, found in written.days.items()}

    other_day = swap(0, "2020-09-20")
    first = digests("one", GOOD, swap(4, "1"), other_day)
    assert digests("two", other_day, swap(4, "1"), GOOD) == first
    changed = digests("three", GOOD, GOOD, swap(4, "1"), other_day)
    assert changed[date(2020, 9, 20)] == first[date(2020, 9, 20)]
    assert changed[date(2020, 9, 21)] != first[date(2020, 9, 21)]


@pytest.mark.parametrize(("rows", "hinted"), [(5_000_000, True), (5_000_001, False)])
def test_too_many_customers_are_not_broadcast(
    spark: SparkSession, rows: int, hinted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    broadcast_customers(spark.range(1), rows=rows).explain("extended")
    assert ("strategy=broadcast" in capsys.readouterr().out) is hinted


def test_customers_named_in_lines_are_found(spark: SparkSession) -> None:
    customers = spark.createDataFrame([("a", 2), ("b", 3), ("c", 4)], ["customer_id", "key"])
    lines = spark.createDataFrame(
        [("2020-09-21,b,0111",), ("2020-09-21,z,0111",), ("c",), ('2020-09-21,"b",x',)], ["line"]
    )
    assert [row.key for row in named_customers(customers, lines).collect()] == [3]


def test_identical_rows_become_one_with_a_quantity(spark: SparkSession) -> None:
    lines = [GOOD, swap(4, "1"), GOOD, swap(3, "0.0509"), swap(2, "0111565001"), swap(3, "x"), GOOD]
    day = date(2020, 9, 21)
    collapsed = collapse_transactions(check(spark, *lines))
    assert arrow_schema(collapsed).types == CLEANED_TRANSACTIONS.types
    assert arrow_schema(collapsed).names == CLEANED_TRANSACTIONS.names
    assert sorted(map(tuple, collapsed.collect())) == [
        (day, 2, 2, 0.0508, 1, 1),
        (day, 2, 2, 0.0508, 2, 3),
        (day, 2, 2, 0.0509, 2, 1),
        (day, 2, 3, 0.0508, 2, 1),
    ]


def test_what_is_written_is_sorted_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    lines = [swap(1, BERTA), swap(0, "2020-09-20"), GOOD, swap(1, BERTA), swap(0, "tomorrow")]
    written = []
    for name, order in (("one", lines), ("two", lines[::-1])):
        draft = Draft(Partition("cleaned.loads", name), str(tmp_path / name))
        rows = write_transactions(check(spark, *order), draft)
        assert (rows.read, rows.kept, draft.rows) == (5, 4, 3)
        files = sorted((tmp_path / name).glob("day=*/part-*.parquet"))
        written.append([[tuple(r) for r in spark.read.parquet(str(f)).collect()] for f in files])
    first, second = written
    assert first == second
    assert all(rows == sorted(rows) for rows in first)
    assert sorted(row for rows in first for row in rows) == [
        (date(2020, 9, 20), 2, 2, 0.0508, 2, 1),
        (date(2020, 9, 21), 2, 2, 0.0508, 2, 1),
        (date(2020, 9, 21), 3, 2, 0.0508, 2, 2),
    ]
