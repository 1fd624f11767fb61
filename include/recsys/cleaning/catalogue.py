"""Articles and customers: typed rows, one an id; the first valid row of an id in the file wins."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from recsys.cleaning.lines import POSITION, is_not_utf8, parse_line, persisted, split_line
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
#: Up to so many rows are sorted by one task, and their ids, some 200 bytes each, sent to all.
ROWS_A_TASK = 5_000_000


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
    return checked.select(POSITION, C.LINE, C.REASON, *RAW_ARTICLES)


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
    rows = _split(lines, RAW_CUSTOMERS)
    years = F.when(F.col(C.AGE).rlike(r"^[0-9]{1,3}(\.0*)?$"), F.col(C.AGE).try_cast("double"))
    flags = [F.col(name).isNotNull() & _lookup(name, FLAGS).isNull() for name in ("FN", "Active")]
    faults = _line_faults() | {
        Reason.BAD_CUSTOMER_ID: _is_malformed(C.CUSTOMER_ID, CUSTOMER_ID),
        Reason.BAD_NUMBER: _any(flags),
        Reason.BAD_AGE: F.col(C.AGE).isNotNull() & ~F.coalesce(years.between(1, 120), F.lit(False)),
    }
    checked = rows.withColumn(C.REASON, first_reason(faults))
    statuses = {"club_member_status": CLUB_STATUSES, "fashion_news_frequency": NEWS_FREQUENCIES}
    unknown = [F.col(n).isNotNull() & _lookup(n, known).isNull() for n, known in statuses.items()]
    return checked.select(
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


@contextmanager
def refuse_repeats(checked: DataFrame, id_column: str, reason: Reason) -> Iterator[DataFrame]:
    """Yield the rows with `reason` on each valid row whose id a valid row before it has.

    They are computed once while the block lasts.

    Args:
        checked: what `check_articles` or `check_customers` returned.
        id_column: the name of its id.
        reason: for the repeats.
    """
    is_valid = F.col(C.REASON).isNull()
    with persisted(checked) as rows:
        places = rows.where(is_valid).groupBy(id_column).agg(
            F.min(POSITION).alias("first"), F.count("*").alias("times")
        )  # fmt: skip
        # Few, so that only ids move, not whole lines.
        with persisted(places.where("times > 1").select(id_column, "first")) as repeats:
            is_repeat = is_valid & (F.col(POSITION) > F.col("first"))
            refused = F.when(is_repeat, F.lit(str(reason))).otherwise(F.col(C.REASON))
            known = rows.join(F.broadcast(repeats), on=id_column, how="left")
            yield known.withColumn(C.REASON, refused).select(*rows.columns)


def keep_articles(checked: DataFrame, keys: DataFrame, *, rows: int) -> DataFrame:
    """Return the valid articles as `schemas.CLEANED_ARTICLES`, by ascending key.

    Args:
        checked: unique among those without a reason.
        keys: `article_id, article_key` of all of them.
        rows: about how many keys there are.
    """
    return conform(_by_key(checked, keys, rows=rows), CLEANED_ARTICLES)


def keep_customers(checked: DataFrame, keys: DataFrame, *, rows: int) -> DataFrame:
    """Return the valid customers as `schemas.CLEANED_CUSTOMERS`; see `keep_articles`."""
    return conform(_by_key(checked, keys, rows=rows), CLEANED_CUSTOMERS)


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


def _split(lines: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Return what `_parse` does, of lines in which no field may hold a comma."""
    parsed = lines.withColumn("fields", split_line(F.col(C.LINE)))
    fields = {name: F.get("fields", F.lit(place)) for place, name in enumerate(names)}
    return parsed.select(
        POSITION,
        C.LINE,
        F.when(F.size("fields") != len(names), F.col(C.LINE)).alias(WIDTH),
        *[F.when(field != "", field).alias(name) for name, field in fields.items()],
    )


def _by_key(checked: DataFrame, keys: DataFrame, *, rows: int) -> DataFrame:
    """Return the valid rows with their keys, by ascending key."""
    id_column, key_column = keys.columns
    known = F.broadcast(keys) if rows <= ROWS_A_TASK else keys
    keyed = checked.where(F.col(C.REASON).isNull()).join(known, on=id_column, how="left")
    tasks = 1 + rows // ROWS_A_TASK
    return keyed.repartitionByRange(tasks, key_column).sortWithinPartitions(key_column)


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
