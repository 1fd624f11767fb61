"""Articles and customers: each reason, types, nulls, and the first valid row of an id."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from recsys.cleaning.catalogue import (
    check_articles,
    check_customers,
    count_unrecognised,
    keep_articles,
    keep_customers,
    refuse_repeats,
)
from recsys.cleaning.reasons import Reason
from recsys.schemas import CLEANED_ARTICLES, CLEANED_CUSTOMERS
from recsys.spark import arrow_schema

pytestmark = pytest.mark.spark

ANNA, BERTA, POSTAL = "a" * 64, "b" * 64, "5" * 64
CUSTOMER = f"{ANNA},1,1.0,ACTIVE,Regularly,49,{POSTAL}"
ARTICLE = (
    "0108775015,0108775,Strap top,253,Vest top,Garment Upper body,1010016,Solid,9,Black,4,Dark,5,"
    'Black,1676,Jersey Basic,A,Ladieswear,1,Ladieswear,16,Womens,1002,Jersey,"A ""top"", black"'
)


def frame(spark: SparkSession, lines: tuple[str, ...]) -> DataFrame:
    return spark.createDataFrame(list(enumerate(lines, start=1)), "position long, line string")


def articles(spark: SparkSession, *lines: str) -> DataFrame:
    checked = check_articles(frame(spark, lines))
    with refuse_repeats(checked, "article_id", Reason.DUPLICATE_ARTICLE) as rows:
        return rows


def customers(spark: SparkSession, *lines: str) -> DataFrame:
    checked = check_customers(frame(spark, lines))
    with refuse_repeats(checked, "customer_id", Reason.DUPLICATE_CUSTOMER) as rows:
        return rows


def reasons(checked: DataFrame) -> list[str | None]:
    return [row.reason for row in checked.orderBy("position").collect()]


def swap(line: str, column: int, value: str) -> str:
    fields = line.split(",", 24)
    fields[column] = value
    return ",".join(fields)


ARTICLES: list[tuple[str, str | None]] = [
    (ARTICLE, None),
    (swap(ARTICLE, 3, "-1"), None),
    (swap(ARTICLE, 3, ""), None),
    (swap(ARTICLE, 0, "108775015"), "bad_article_id"),
    (swap(ARTICLE, 0, ""), "bad_article_id"),
    (swap(ARTICLE, 0, "01087750155"), "bad_article_id"),
    (swap(ARTICLE, 3, "x"), "bad_number"),
    (swap(ARTICLE, 22, "1.5"), "bad_number"),
    (swap(ARTICLE, 22, "99999999999"), "bad_number"),
    (ARTICLE + ",more", "wrong_column_count"),
    (swap(ARTICLE, 2, "Strap, top"), "wrong_column_count"),
    (swap(ARTICLE, 2, "Str\ufffdp top"), "not_utf8"),
    (swap(swap(ARTICLE, 3, "x"), 0, "108775015"), "bad_article_id"),
]


CUSTOMERS: list[tuple[str, str | None]] = [
    (CUSTOMER, None),
    (f"{ANNA},,,,,,", None),
    (swap(CUSTOMER, 5, "1"), None),
    (swap(CUSTOMER, 5, "120"), None),
    (swap(CUSTOMER, 5, "49.0"), None),
    (swap(CUSTOMER, 5, "0"), "bad_age"),
    (swap(CUSTOMER, 5, "121"), "bad_age"),
    (swap(CUSTOMER, 5, "-5"), "bad_age"),
    (swap(CUSTOMER, 5, "49.5"), "bad_age"),
    (swap(CUSTOMER, 5, "old"), "bad_age"),
    (swap(CUSTOMER, 1, "yes"), "bad_number"),
    (swap(CUSTOMER, 2, "2"), "bad_number"),
    (swap(CUSTOMER, 0, ANNA[:-1]), "bad_customer_id"),
    (swap(CUSTOMER, 0, "g" * 64), "bad_customer_id"),
    (swap(CUSTOMER, 0, ""), "bad_customer_id"),
    (CUSTOMER + ",", "wrong_column_count"),
    (CUSTOMER.removesuffix("," + POSTAL), "wrong_column_count"),
    (swap(CUSTOMER, 6, "\ufffd"), "not_utf8"),
    (swap(swap(CUSTOMER, 5, "0"), 1, "yes"), "bad_number"),
]


def unlike(cases: list[tuple[str, str | None]], found: list[str | None]) -> list[object]:
    """Return the cases whose reason is not the expected one."""
    return [(c, f) for c, f in zip(cases, found, strict=True) if c[1] != f]


def test_articles(spark: SparkSession) -> None:
    lines = [line.replace("0108775015", f"{i:010}") for i, (line, _) in enumerate(ARTICLES)]
    assert unlike(ARTICLES, reasons(articles(spark, *lines))) == []


def test_customers(spark: SparkSession) -> None:
    lines = [line.replace(ANNA, f"{i:064}") for i, (line, _) in enumerate(CUSTOMERS)]
    assert unlike(CUSTOMERS, reasons(customers(spark, *lines))) == []


def test_the_first_valid_row_of_an_article_wins(spark: SparkSession) -> None:
    lines = [swap(ARTICLE, 3, "x"), swap(ARTICLE, 3, "7"), ARTICLE, ARTICLE]
    checked = articles(spark, *lines)
    assert reasons(checked) == ["bad_number", None, "duplicate_article", "duplicate_article"]
    assert [r.product_type_no for r in checked.where("reason IS NULL").collect()] == [7]


def test_the_first_valid_row_of_a_customer_wins(spark: SparkSession) -> None:
    lines = [swap(CUSTOMER, 5, "0"), swap(CUSTOMER, 5, "20"), CUSTOMER, swap(CUSTOMER, 0, BERTA)]
    assert reasons(customers(spark, *lines)) == ["bad_age", None, "duplicate_customer", None]


def test_cleaned_articles_are_typed_and_sorted_by_key(spark: SparkSession) -> None:
    other = swap(swap(ARTICLE, 0, "0999999999"), 24, "")
    keys = spark.createDataFrame(
        [("0999999999", 2), ("0108775015", 3), ("0555555555", 4)],
        "article_id string, article_key int",
    )
    kept = keep_articles(articles(spark, ARTICLE, other, ARTICLE), keys, rows=2)
    assert dict(zip(arrow_schema(kept).names, arrow_schema(kept).types, strict=True)) == dict(
        zip(CLEANED_ARTICLES.names, CLEANED_ARTICLES.types, strict=True)
    )
    first, second = kept.collect()
    assert (first.article_key, first.article_id, first.detail_desc) == (2, "0999999999", None)
    assert tuple(second) == (
        3, "0108775015", "0108775", "Strap top", 253, "Vest top", "Garment Upper body", 1010016,
        "Solid", 9, "Black", 4, "Dark", 5, "Black", 1676, "Jersey Basic", "A", "Ladieswear", 1,
        "Ladieswear", 16, "Womens", 1002, "Jersey", 'A "top", black',
    )  # fmt: skip


def test_cleaned_customers_are_typed_and_sorted_by_key(spark: SparkSession) -> None:
    keys = spark.createDataFrame([(BERTA, 2), (ANNA, 3)], "customer_id string, customer_key int")
    kept = keep_customers(customers(spark, CUSTOMER, f"{BERTA},,0,,None,,"), keys, rows=2)
    assert arrow_schema(kept).names == CLEANED_CUSTOMERS.names
    assert arrow_schema(kept).types == CLEANED_CUSTOMERS.types
    assert [tuple(row) for row in kept.collect()] == [
        (2, BERTA, None, False, None, "NONE", None, "unknown", None),
        (3, ANNA, True, True, "ACTIVE", "Regularly", 49, "40-49", POSTAL),
    ]


def test_statuses_nobody_knows_become_null_and_are_counted(spark: SparkSession) -> None:
    lines = [
        f"{ANNA},,,PAUSED,Weekly,30,",
        f"{BERTA},,,LEFT CLUB,Monthly,30,",
        f"{'c' * 64},,,pre-create,NONE,30,",
        "short,,,PAUSED,NONE,30,",
    ]
    checked = customers(spark, *lines)
    assert [
        (row.club_member_status, row.fashion_news_frequency)
        for row in checked.orderBy("position").collect()[:3]
    ] == [(None, None), ("LEFT CLUB", "Monthly"), (None, "NONE")]
    assert count_unrecognised(checked) == {"values_unrecognised": 3}


def test_age_bands_are_half_open(spark: SparkSession) -> None:
    ages = [16, 19, 20, 24, 25, 29, 30, 39, 40, 49, 50, 59, 60, 99]
    lines = [swap(swap(CUSTOMER, 0, f"{age:064}"), 5, str(age)) for age in ages]
    found = customers(spark, *lines).orderBy("position").collect()
    assert [row.age_band for row in found] == [
        "16-19", "16-19", "20-24", "20-24", "25-29", "25-29", "30-39", "30-39",
        "40-49", "40-49", "50-59", "50-59", "60+", "60+",
    ]  # fmt: skip


def test_the_tiny_folder_is_faultless(spark: SparkSession, raw_folder: Any) -> None:
    assert reasons(articles(spark, *raw_folder.lines("articles.csv")[1:])) == [None] * 3
    assert reasons(customers(spark, *raw_folder.lines("customers.csv")[1:])) == [None] * 2
