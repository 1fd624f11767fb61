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
    buyers = baskets.groupBy(C.ARTICLE_KEY).agg(F.count("*").alias("buyers"))
    left, right = F.col("buyers"), F.col("other_buyers")
    scored = (
        _shared(baskets)
        .join(F.broadcast(buyers), on=C.ARTICLE_KEY, how="inner")
        .join(
            F.broadcast(
                buyers.select(F.col(C.ARTICLE_KEY).alias(OTHER), left.alias("other_buyers"))
            ),
            on=OTHER,
            how="inner",
        )
        .withColumn(C.SCORE, F.col("shared") / F.sqrt(left * right))
    )
    nearest = Window.partitionBy(C.ARTICLE_KEY).orderBy(F.col(C.SCORE).desc(), F.col(OTHER).asc())
    ranked = _both_ways(scored).withColumn(C.RANK, F.row_number().over(nearest))
    return conform(ranked.where(F.col(C.RANK) <= copurchased_articles), FEATURES_COPURCHASES)


def _baskets(transactions: DataFrame, cutoff: date, days: int, articles: int) -> DataFrame:
    """Return customer_key, article_key: each customer's latest distinct articles of the window."""
    latest = Window.partitionBy(C.CUSTOMER_KEY).orderBy(
        F.col("days_since").asc(), F.col(C.ARTICLE_KEY).desc()
    )
    return (
        customer_articles(transactions, cutoff=cutoff)
        .where(F.col("days_since") <= days)
        .withColumn("place", F.row_number().over(latest))
        .where(F.col("place") <= articles)
        .select(C.CUSTOMER_KEY, C.ARTICLE_KEY)
    )


def _shared(baskets: DataFrame) -> DataFrame:
    """Return each unordered pair once, article_key < other_article_key, and its customers."""
    other = baskets.withColumnRenamed(C.ARTICLE_KEY, OTHER)
    return (
        baskets.join(other, on=C.CUSTOMER_KEY, how="inner")
        .where(F.col(C.ARTICLE_KEY) < F.col(OTHER))
        .groupBy(C.ARTICLE_KEY, OTHER)
        .agg(F.count("*").alias("shared"))
    )


def _both_ways(scored: DataFrame) -> DataFrame:
    forward = scored.select(C.ARTICLE_KEY, OTHER, C.SCORE)
    backward = scored.select(
        F.col(OTHER).alias(C.ARTICLE_KEY), F.col(C.ARTICLE_KEY).alias(OTHER), C.SCORE
    )
    return forward.unionByName(backward)
