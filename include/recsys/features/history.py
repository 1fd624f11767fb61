"""What every feature starts from: purchases before a cutoff, and one row a customer and article."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from recsys.columns import Columns as C

#: Sums of doubles depend on their order, and so on the partitioning; sums of whole numbers do not.
PRICE_UNITS = 1_000_000_000


def before(transactions: DataFrame, cutoff: date) -> DataFrame:
    """Return the rows with t_dat < cutoff and their `days_ago`, >= 1."""
    return transactions.where(F.col(C.T_DAT) < F.lit(cutoff)).withColumn(
        "days_ago", F.date_diff(F.lit(cutoff), C.T_DAT)
    )


def customer_articles(transactions: DataFrame, *, cutoff: date) -> DataFrame:
    """Return one row for each customer and article that the customer bought before the cutoff.

    Columns: customer_key, article_key; quantity and its windows quantity_1d, _7d and _30d, in
    pieces; spend, in PRICE_UNITS; days_since the last and first_days_since the first purchase.

    Almost every feature is an aggregate of this frame, which has no day in it and so is free of
    distinct counts: a job that makes several features persists it, and Spark finds it again in
    each one's plan.
    """
    pieces = F.col(C.QUANTITY)
    units = F.round(F.col(C.PRICE) * PRICE_UNITS).cast("long")
    return (
        before(transactions, cutoff)
        .groupBy(C.CUSTOMER_KEY, C.ARTICLE_KEY)
        .agg(
            F.sum(pieces).alias("quantity"),
            *[_within(days, pieces).alias(f"quantity_{days}d") for days in (1, 7, 30)],
            F.sum(units * pieces).alias("spend"),
            F.min("days_ago").alias("days_since"),
            F.max("days_ago").alias("first_days_since"),
        )
    )


def mean_price(spend: Column, quantity: Column) -> Column:
    """Return the price a piece, of a spend in PRICE_UNITS; null where nothing was bought."""
    return F.when(quantity > 0, spend / quantity / PRICE_UNITS)


def _within(days: int, pieces: Column) -> Column:
    return F.sum(F.when(F.col("days_ago") <= days, pieces).otherwise(0))
