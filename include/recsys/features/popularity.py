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
    filled = _fill_from_everyone(_best(counts, popular_articles))
    earliest = F.min_by(F.struct("tier", "strength", C.SCORE), "tier").alias("earliest")
    unique = filled.groupBy(C.AGE_BAND, C.ARTICLE_KEY).agg(earliest)
    ranked = _best(unique.select(C.AGE_BAND, C.ARTICLE_KEY, "earliest.*"), popular_articles)
    return conform(ranked, FEATURES_POPULARITY)


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
    names = ("recent", "on_sale", "ever")
    by_band = (
        customer_articles(transactions, cutoff=cutoff)
        .join(customers.select(C.CUSTOMER_KEY, C.AGE_BAND), on=C.CUSTOMER_KEY, how="inner")
        .groupBy(C.AGE_BAND, C.ARTICLE_KEY)
        .agg(*[number.alias(name) for number, name in zip(buyers, names, strict=True)])
    )
    # A customer is in one band, so everyone is the sum of the bands.
    band_and_all = F.explode(F.array(C.AGE_BAND, F.lit(EVERYONE))).alias(C.AGE_BAND)
    return (
        by_band.select(band_and_all, C.ARTICLE_KEY, *names)
        .groupBy(C.AGE_BAND, C.ARTICLE_KEY)
        .agg(*[F.sum(name).alias(name) for name in names])
        .select(
            C.AGE_BAND,
            C.ARTICLE_KEY,
            F.when(recent > 0, 1).when(on_sale > 0, 2).otherwise(3).alias("tier"),
            F.when(recent > 0, recent).when(on_sale > 0, on_sale).otherwise(ever).alias("strength"),
            recent.alias(C.SCORE),
        )
    )


def _fill_from_everyone(best: DataFrame) -> DataFrame:
    """Return the rows, and behind each band's own those of EVERYONE, in one pass over them."""
    own = F.struct(C.AGE_BAND, "tier", "strength", C.SCORE)
    fillers = [
        F.struct(
            F.lit(band).alias(C.AGE_BAND),
            F.lit(LAST_TIER).alias("tier"),
            (-F.col(C.RANK)).cast("long").alias("strength"),
            F.lit(0).cast("long").alias(C.SCORE),
        )
        for band in AGE_BANDS
    ]
    is_everyone = F.col(C.AGE_BAND) == EVERYONE
    rows = F.when(is_everyone, F.array(own, *fillers)).otherwise(F.array(own))
    return best.select(C.ARTICLE_KEY, F.explode(rows).alias("row")).select(C.ARTICLE_KEY, "row.*")


def _best(counts: DataFrame, number: int) -> DataFrame:
    order = Window.partitionBy(C.AGE_BAND).orderBy(
        F.col("tier").asc(), F.col("strength").desc(), F.col(C.ARTICLE_KEY).asc()
    )
    return counts.withColumn(C.RANK, F.row_number().over(order)).where(F.col(C.RANK) <= number)
