"""Transactions: typed rows with keys instead of ids; identical rows become one with a quantity."""

from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from recsys.cleaning.lines import DROP_DAY, POSITION, is_not_utf8, split_line
from recsys.cleaning.reasons import ARTICLE_ID, CUSTOMER_ID, Reason, first_reason
from recsys.columns import Columns as C
from recsys.schemas import CLEANED_TRANSACTIONS, RAW_TRANSACTIONS
from recsys.spark import conform, read_written, to_struct, write_parquet
from recsys.storage import Draft

#: Casts alone would take `0.05d`, `0x1p3` and `NaN`.
NUMBER = "^[-+0-9.eE]+$"
#: A load's folders are `day=YYYY-MM-DD`; the files in them hold the day too.
DAY = "day"
#: Ids of 64 characters take some 200 bytes each in a broadcast, which spares moving the
#: transactions by customer id: half the processor time at 1.4 million customers.
BROADCAST_CUSTOMERS = 5_000_000


def check_transactions(
    lines: DataFrame, *, articles: DataFrame, customers: DataFrame, today: date, max_price: float
) -> DataFrame:
    """Return every raw row, typed, with the reason why it is set aside, or null.

    Args:
        lines: `position, line, file, drop_day`; a row must be of its `drop_day`, if that is given.
        articles: `article_id, article_key` of the valid articles; unique.
        customers: `customer_id, customer_key` of the valid customers; unique.
        today: the last day that is not in the future, UTC.
        max_price: the highest price that is not absurd. A price of zero is valid.

    Returns:
        `position, line, file, reason` and the columns of `schemas.CLEANED_TRANSACTIONS` but the
        quantity; the latter hold no promise where a reason is given.
    """
    fields = split_line(F.col(C.LINE))
    named = [F.get("fields", F.lit(i)).alias(name) for i, name in enumerate(RAW_TRANSACTIONS)]
    rows = lines.withColumn("fields", fields).select(
        POSITION, C.LINE, C.FILE, DROP_DAY, F.size("fields").alias("width"), *named
    )
    known = rows.join(F.broadcast(articles), on=C.ARTICLE_ID, how="left").join(
        customers, on=C.CUSTOMER_ID, how="left"
    )
    typed = known.withColumns(
        {
            "day": F.col(C.T_DAT).try_cast("date"),
            "number": F.when(F.col(C.PRICE).rlike(NUMBER), F.col(C.PRICE).try_cast("double")),
            "channel": F.col(C.SALES_CHANNEL_ID).try_cast("tinyint"),
        }
    )
    return typed.select(
        POSITION,
        C.LINE,
        C.FILE,
        F.col("day").alias(C.T_DAT),
        C.CUSTOMER_KEY,
        C.ARTICLE_KEY,
        F.col("number").alias(C.PRICE),
        F.col("channel").alias(C.SALES_CHANNEL_ID),
        first_reason(_faults(today=today, max_price=max_price)).alias(C.REASON),
    )


def broadcast_customers(customers: DataFrame, *, rows: int) -> DataFrame:
    """Return the customers, marked to be sent to every worker where they are few enough."""
    return F.broadcast(customers) if rows <= BROADCAST_CUSTOMERS else customers


def named_customers(customers: DataFrame, lines: DataFrame) -> DataFrame:
    """Return the customers whose id stands in one of the lines, which must be few, as of a day."""
    place = F.lit(RAW_TRANSACTIONS.index(C.CUSTOMER_ID))
    ids = lines.select(F.get(split_line(F.col(C.LINE)), place).alias(C.CUSTOMER_ID)).distinct()
    return customers.join(F.broadcast(ids), on=C.CUSTOMER_ID, how="left_semi")


def collapse_transactions(checked: DataFrame) -> DataFrame:
    """Return the valid rows as `schemas.CLEANED_TRANSACTIONS`.

    Rows equal in every column become one; `quantity` says how many they were. A day's rows are in
    one task, sorted by customer, article, price and channel.
    """
    row = [C.T_DAT, C.CUSTOMER_KEY, C.ARTICLE_KEY, C.PRICE, C.SALES_CHANNEL_ID]
    valid = checked.where(F.col(C.REASON).isNull()).select(*row)
    # Grouped by day once, rows need not move again: few are equal, so counting them before the
    # exchange would not make it smaller.
    counted = valid.repartition(C.T_DAT).groupBy(*row).agg(F.count("*").alias(C.QUANTITY))
    return conform(counted.sortWithinPartitions(*row), CLEANED_TRANSACTIONS)


@dataclass(frozen=True)
class DayWritten:
    """What a load holds of one day: distinct rows, raw rows, and a digest of the contents."""

    rows: int
    pieces: int
    digest: str


@dataclass(frozen=True)
class Written:
    """What one pass over raw files read and kept, by day."""

    read: int
    days: dict[date, DayWritten]

    @property
    def kept(self) -> int:
        """Raw rows that are in the files written."""
        return sum(day.pieces for day in self.days.values())


def write_transactions(checked: DataFrame, draft: Draft) -> Written:
    """Write the valid rows as `schemas.CLEANED_TRANSACTIONS` in one pass, a folder a day.

    What was kept is counted in the files written, so that it can be held against what was read. A
    day's digest depends on its rows alone, not on their order: the rows are distinct, so that the
    exclusive or of their hashes says which they are.
    """
    observation = Observation()
    observed = checked.observe(observation, F.count(F.lit(1)).alias("read"))
    collapsed = collapse_transactions(observed).withColumn(DAY, F.col(C.T_DAT))
    draft.rows, _ = write_parquet(collapsed, draft.path, partition_by=DAY)
    draft.schema = CLEANED_TRANSACTIONS
    read = int(observation.get["read"])
    if not draft.rows:
        return Written(read, {})
    schema = to_struct(CLEANED_TRANSACTIONS)
    written = read_written(collapsed.sparkSession, draft.path, schema)
    digest = F.bit_xor(F.xxhash64(*CLEANED_TRANSACTIONS.names))
    days = written.groupBy(C.T_DAT).agg(F.count("*"), F.sum(C.QUANTITY), F.hex(digest))
    return Written(read, {day: DayWritten(*rest) for day, *rest in days.collect()})


def _faults(*, today: date, max_price: float) -> dict[Reason, Column]:
    day, number = F.col("day"), F.col("number")
    customer_id, article_id = F.col(C.CUSTOMER_ID), F.col(C.ARTICLE_ID)
    no_customer, no_article = F.col(C.CUSTOMER_KEY).isNull(), F.col(C.ARTICLE_KEY).isNull()
    return {
        Reason.NOT_UTF8: is_not_utf8(F.col(C.LINE)),
        Reason.WRONG_COLUMN_COUNT: F.col("width") != len(RAW_TRANSACTIONS),
        # The way back to text refuses what a cast takes besides: 2020-9-1, 2020, 2020-09-01T12.
        Reason.BAD_DATE: day.isNull() | (day.cast("string") != F.col(C.T_DAT)),
        Reason.DATE_IN_FUTURE: day > F.lit(today),
        Reason.WRONG_DAY: day != F.col(DROP_DAY),
        # An id that has a key is well-formed; only the others are worth a pattern.
        Reason.BAD_CUSTOMER_ID: no_customer & ~customer_id.rlike(CUSTOMER_ID),
        Reason.BAD_ARTICLE_ID: no_article & ~article_id.rlike(ARTICLE_ID),
        Reason.BAD_PRICE: number.isNull() | (F.abs(number) == float("inf")),
        Reason.NEGATIVE_PRICE: number < 0,
        Reason.ABSURD_PRICE: number > max_price,
        Reason.BAD_CHANNEL: ~F.col(C.SALES_CHANNEL_ID).isin("1", "2"),
        Reason.UNKNOWN_CUSTOMER: no_customer,
        Reason.UNKNOWN_ARTICLE: no_article,
    }
