"""The best sellers of each customer segment as of a cutoff."""

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.features.history import customer_articles
from recsys.schemas import AGE_BANDS, EVERYONE, FEATURES_POPULARITY
from recsys.spark import conform

#: Behind a segment's own articles: what everyone buys.
LAST_TIER = 4


def rank_popular_articles(
    transactions: DataFrame,
    customers: DataFrame,
    *,
    cutoff: date,
    popular_days: int,
    on_sale_days: int,
    popular_articles: int,
) -> DataFrame:
    """Return FEATURES_POPULARITY: `popular_articles` for each of AGE_BANDS and for EVERYONE.

    Articles are ordered by their distinct customers in [cutoff - popular_days, cutoff). A list that
    is too short then goes on with the articles of [cutoff - on_sale_days, cutoff), by their
    customers there, then with those of all time, then with what everyone buys, so that a segment
    of few customers, or of none, has as long a list as any other. The score is always the
    number of distinct customers in the popular_days, so it is 0 for the articles filled in.
    """
    counts = _counts(transactions, customers, cutoff, popular_days, on_sale_days)
    everyone = _best(counts.where(F.col(C.AGE_BAND) == EVERYONE), popular_articles)
    filled = counts.unionByName(_for_every_segment(everyone))
    first = filled.groupBy(C.AGE_BAND, C.ARTICLE_KEY).agg(
        F.min_by(F.struct("tier", "strength", C.SCORE), "tier").alias("best")
    )
    unique = first.select(C.AGE_BAND, C.ARTICLE_KEY, "best.*")
    return conform(_best(unique, popular_articles), FEATURES_POPULARITY)


def _counts(
    transactions: DataFrame,
    customers: DataFrame,
    cutoff: date,
    popular_days: int,
    on_sale_days: int,
) -> DataFrame:
    """Return each segment's articles with the first window they sold in, and their buyers in it.

    All windows end at the cutoff, so a customer bought in one if the last purchase is in it.
    """
    windows = (popular_days, on_sale_days)
    buyers = [F.count_if(F.col("days_since") <= days) for days in windows] + [F.count("*")]
    recent, on_sale, ever = (F.col(name) for name in ("recent", "on_sale", "ever"))
    bands = customers.select(
        C.CUSTOMER_KEY, F.explode(F.array(C.AGE_BAND, F.lit(EVERYONE))).alias(C.AGE_BAND)
    )
    return (
        customer_articles(transactions, cutoff=cutoff)
        .join(bands, on=C.CUSTOMER_KEY, how="inner")
        .groupBy(C.AGE_BAND, C.ARTICLE_KEY)
        .agg(*[b.alias(n) for b, n in zip(buyers, ("recent", "on_sale", "ever"), strict=True)])
        .select(
            C.AGE_BAND,
            C.ARTICLE_KEY,
            F.when(recent > 0, 1).when(on_sale > 0, 2).otherwise(3).alias("tier"),
            F.when(recent > 0, recent).when(on_sale > 0, on_sale).otherwise(ever).alias("strength"),
            recent.alias(C.SCORE),
        )
    )


def _for_every_segment(everyone: DataFrame) -> DataFrame:
    bands = F.explode(F.array(*[F.lit(band) for band in AGE_BANDS]))
    return everyone.select(
        bands.alias(C.AGE_BAND),
        C.ARTICLE_KEY,
        F.lit(LAST_TIER).alias("tier"),
        (-F.col(C.RANK).cast("long")).alias("strength"),
        F.lit(0).cast("long").alias(C.SCORE),
    )


def _best(counts: DataFrame, number: int) -> DataFrame:
    order = Window.partitionBy(C.AGE_BAND).orderBy(
        F.col("tier").asc(), F.col("strength").desc(), F.col(C.ARTICLE_KEY).asc()
    )
    return counts.withColumn(C.RANK, F.row_number().over(order)).where(F.col(C.RANK) <= number)
