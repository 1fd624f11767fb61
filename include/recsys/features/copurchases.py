"""Articles that the same customers buy, as of a cutoff."""

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.features.history import customer_articles
from recsys.schemas import FEATURES_COPURCHASES
from recsys.spark import conform

OTHER = "other_article_key"


def find_copurchases(
    transactions: DataFrame,
    *,
    cutoff: date,
    copurchase_days: int,
    copurchased_articles: int,
    history_length: int,
) -> DataFrame:
    """Return FEATURES_COPURCHASES: each article's `copurchased_articles` nearest by cosine.

    Only purchases in [cutoff - copurchase_days, cutoff) count, and of each customer only the latest
    `history_length` articles (ties: higher key first): the pairs of a customer grow with the square
    of its articles, so that a few very large histories would make most of the work. An article that
    shares no customer with another has no rows.
    """
    baskets = _baskets(transactions, cutoff, copurchase_days, history_length)
    buyers = (
        baskets.select(F.explode("articles").alias("article"))
        .groupBy("article")
        .agg(F.count("*").alias("buyers"))
    )
    scored = (
        _shared(baskets)
        .join(F.broadcast(buyers.toDF("first", "buyers")), on="first", how="inner")
        .join(F.broadcast(buyers.toDF("second", "other_buyers")), on="second", how="inner")
        .withColumn(C.SCORE, F.col("shared") / F.sqrt(F.col("buyers") * F.col("other_buyers")))
    )
    nearest = Window.partitionBy(C.ARTICLE_KEY).orderBy(F.col(C.SCORE).desc(), F.col(OTHER).asc())
    ranked = _both_ways(scored).withColumn(C.RANK, F.row_number().over(nearest))
    return conform(ranked.where(F.col(C.RANK) <= copurchased_articles), FEATURES_COPURCHASES)


def _baskets(transactions: DataFrame, cutoff: date, days: int, length: int) -> DataFrame:
    """Return one row a customer: `articles`, the latest distinct ones of the window, ascending."""
    minus_key = (-F.col(C.ARTICLE_KEY)).alias("minus_key")
    latest = F.array_sort(F.collect_list(F.struct("days_since", minus_key)))
    keys = F.transform(F.slice(latest, 1, length), lambda row: -row["minus_key"])
    return (
        customer_articles(transactions, cutoff=cutoff)
        .where(F.col("days_since") <= days)
        .groupBy(C.CUSTOMER_KEY)
        .agg(F.array_sort(keys).alias("articles"))
    )


def _shared(baskets: DataFrame) -> DataFrame:
    """Return each unordered pair of articles once, first < second, and its customers."""
    behind = F.slice("articles", F.col("place") + 2, F.size("articles"))
    return (
        baskets.select("articles", F.posexplode("articles").alias("place", "first"))
        .select("first", F.explode(behind).alias("second"))
        .groupBy("first", "second")
        .agg(F.count("*").alias("shared"))
    )


def _both_ways(scored: DataFrame) -> DataFrame:
    directions = [
        F.struct(F.col(one).alias(C.ARTICLE_KEY), F.col(two).alias(OTHER))
        for one, two in (("first", "second"), ("second", "first"))
    ]
    pair = F.explode(F.array(*directions)).alias("pair")
    return scored.select(pair, C.SCORE).select("pair.*", C.SCORE)
