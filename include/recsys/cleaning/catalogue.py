"""Articles and customers: typed rows, one an id; the first valid row of an id in the file wins."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from recsys.cleaning.lines import POSITION, is_not_utf8, parse_line
from recsys.cleaning.reasons import ARTICLE_ID, CUSTOMER_ID, Reason, first_reason
from recsys.columns import Columns as C
from recsys.schemas import (
    AGE_BAND_STARTS,
    AGE_BANDS,
    ARTICLE_NUMBERS,
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    RAW_ARTICLES,
    RAW_CUSTOMERS,
)
from recsys.spark import conform

WIDTH = "wrong_column_count"
WHOLE_NUMBER = "^[+-]?[0-9]{1,9}$"
#: A customer without news is `NONE` in H&M's file, and `None` twice.
NEWS_FREQUENCIES = {"NONE": "NONE", "None": "NONE", "Regularly": "Regularly", "Monthly": "Monthly"}
CLUB_STATUSES = {name: name for name in ("ACTIVE", "PRE-CREATE", "LEFT CLUB")}
FLAGS = {"1": True, "1.0": True, "0": False, "0.0": False}
#: Status values that H&M's description does not know, and that became null.
UNRECOGNISED = "values_unrecognised"


def check_articles(lines: DataFrame) -> DataFrame:
    """Return every row of articles.csv, typed, with the reason why it is set aside, or null.

    Args:
        lines: `position, line`, as `read_lines` gives them.

    Returns:
        `position, line, reason` and the columns of `schemas.CLEANED_ARTICLES` but the key. Empty
        fields are null. The columns hold no promise where a reason is given.
    """
    rows = _parse(lines, RAW_ARTICLES)
    bad_numbers = [
        F.col(name).isNotNull() & ~F.col(name).rlike(WHOLE_NUMBER) for name in ARTICLE_NUMBERS
    ]
    faults = _line_faults() | {
        Reason.BAD_ARTICLE_ID: _is_malformed(C.ARTICLE_ID, ARTICLE_ID),
        Reason.BAD_NUMBER: _any(bad_numbers),
    }
    numbers = {name: F.col(name).try_cast("int") for name in ARTICLE_NUMBERS}
    checked = rows.withColumn(C.REASON, first_reason(faults)).withColumns(numbers)
    unique = _refuse_repeats(checked, C.ARTICLE_ID, Reason.DUPLICATE_ARTICLE)
    return unique.select(POSITION, C.LINE, C.REASON, *RAW_ARTICLES)


def check_customers(lines: DataFrame) -> DataFrame:
    """Return every row of customers.csv, typed, with the reason why it is set aside, or null.

    A club status or news frequency that is not known becomes null; `values_unrecognised` counts
    those of a row. A missing FN or Active stays null: the file has no zeros.

    Args:
        lines: `position, line`, as `read_lines` gives them.

    Returns:
        `position, line, reason, values_unrecognised` and the columns of `schemas.CLEANED_CUSTOMERS`
        but the key. The columns hold no promise where a reason is given.
    """
    rows = _parse(lines, RAW_CUSTOMERS)
    years = F.when(F.col(C.AGE).rlike(r"^[0-9]{1,3}(\.0*)?$"), F.col(C.AGE).try_cast("double"))
    flags = [F.col(name).isNotNull() & _lookup(name, FLAGS).isNull() for name in ("FN", "Active")]
    faults = _line_faults() | {
        Reason.BAD_CUSTOMER_ID: _is_malformed(C.CUSTOMER_ID, CUSTOMER_ID),
        Reason.BAD_NUMBER: _any(flags),
        Reason.BAD_AGE: F.col(C.AGE).isNotNull() & ~F.coalesce(years.between(1, 120), F.lit(False)),
    }
    checked = rows.withColumn(C.REASON, first_reason(faults))
    unique = _refuse_repeats(checked, C.CUSTOMER_ID, Reason.DUPLICATE_CUSTOMER)
    statuses = {"club_member_status": CLUB_STATUSES, "fashion_news_frequency": NEWS_FREQUENCIES}
    unknown = [F.col(n).isNotNull() & _lookup(n, known).isNull() for n, known in statuses.items()]
    return unique.select(
        POSITION,
        C.LINE,
        C.REASON,
        sum((u.cast("int") for u in unknown), F.lit(0)).alias(UNRECOGNISED),
        C.CUSTOMER_ID,
        _lookup("FN", FLAGS).alias("fn"),
        _lookup("Active", FLAGS).alias("active"),
        *[_lookup(name, known).alias(name) for name, known in statuses.items()],
        years.cast("smallint").alias(C.AGE),
        age_band(years).alias(C.AGE_BAND),
        "postal_code",
    )


def keep_articles(checked: DataFrame, keys: DataFrame) -> DataFrame:
    """Return the valid articles as `schemas.CLEANED_ARTICLES`, by ascending key."""
    valid = checked.where(F.col(C.REASON).isNull())
    return conform(
        valid.join(keys, on=C.ARTICLE_ID, how="left").orderBy(C.ARTICLE_KEY), CLEANED_ARTICLES
    )


def keep_customers(checked: DataFrame, keys: DataFrame) -> DataFrame:
    """Return the valid customers as `schemas.CLEANED_CUSTOMERS`, by ascending key."""
    valid = checked.where(F.col(C.REASON).isNull())
    return conform(
        valid.join(keys, on=C.CUSTOMER_ID, how="left").orderBy(C.CUSTOMER_KEY), CLEANED_CUSTOMERS
    )


def count_unrecognised(checked: DataFrame) -> dict[str, int]:
    """Return how many status values of valid customers became null, as a manifest's count."""
    valid = checked.where(F.col(C.REASON).isNull())
    total = valid.agg(F.sum(UNRECOGNISED)).first()
    return {UNRECOGNISED: int((total and total[0]) or 0)}


def age_band(years: Column) -> Column:
    """Return the segment of an age in years, `unknown` for null."""
    *bands, unknown = AGE_BANDS
    band = F.when(years.isNull(), F.lit(unknown))
    for start, name in sorted(zip(AGE_BAND_STARTS, bands, strict=True), reverse=True):
        band = band.when(years >= start, F.lit(name))
    return band


def _parse(lines: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Return `position, line, wrong_column_count` and the named fields as strings."""
    parsed = lines.withColumn("row", parse_line(F.col(C.LINE), names))
    return parsed.select(POSITION, C.LINE, "row.*")


def _line_faults() -> dict[Reason, Column]:
    return {
        Reason.NOT_UTF8: is_not_utf8(F.col(C.LINE)),
        Reason.WRONG_COLUMN_COUNT: F.col(WIDTH).isNotNull(),
    }


def _is_malformed(id_column: str, pattern: str) -> Column:
    return F.col(id_column).isNull() | ~F.col(id_column).rlike(pattern)


def _any(conditions: list[Column]) -> Column:
    return F.greatest(*conditions)


def _lookup(name: str, values: dict[str, str] | dict[str, bool]) -> Column:
    """Return a column's value in `values`, null for any other."""
    found = F.lit(None)
    for text, value in values.items():
        found = F.when(F.col(name) == text, F.lit(value)).otherwise(found)
    return found


def _refuse_repeats(checked: DataFrame, id_column: str, reason: Reason) -> DataFrame:
    """Return the rows with `reason` on each valid row whose id a valid row before it has."""
    is_valid = F.col(C.REASON).isNull()
    place = F.row_number().over(Window.partitionBy(id_column, is_valid).orderBy(POSITION))
    numbered = checked.withColumn("place", place)
    repeated = F.when(is_valid & (F.col("place") > 1), F.lit(str(reason)))
    return numbered.withColumn(C.REASON, F.coalesce(C.REASON, repeated)).drop("place")
