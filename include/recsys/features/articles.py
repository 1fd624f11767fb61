"""What is known of each article as of a cutoff."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.features.history import customer_articles, mean_price
from recsys.schemas import FEATURES_ARTICLES
from recsys.spark import conform

#: Zero, not null, for an article that was never sold.
COUNTS = ("sales", "customers", "sales_1d", "sales_7d", "sales_30d")


def describe_articles(
    transactions: DataFrame,
    customers: DataFrame,
    articles: DataFrame,
    *,
    cutoff: date,
    on_sale_days: int,
) -> DataFrame:
    """Return FEATURES_ARTICLES: one row for each of `articles`, from purchases before the cutoff.

    Counts of an article never sold are 0, its trend too; its means and days are null. A customer
    counts once in the mean age, however often it bought. On sale means sold in
    [cutoff - on_sale_days, cutoff).
    """
    recent_week = F.col("sales_7d") + 1
    usual_week = F.col("sales_30d") * 7 / 30 + 1
    everything = (
        articles.join(_sold(transactions, customers, cutoff), on=C.ARTICLE_KEY, how="left")
        .fillna(0, subset=list(COUNTS))
        .withColumn("trend", F.log(recent_week / usual_week))
        .withColumn(
            "is_on_sale", F.coalesce(F.col("days_since_sale") <= on_sale_days, F.lit(False))
        )
    )
    return conform(everything, FEATURES_ARTICLES)


def _sold(transactions: DataFrame, customers: DataFrame, cutoff: date) -> DataFrame:
    bought_again = F.col("first_days_since") > F.col("days_since")
    return (
        customer_articles(transactions, cutoff=cutoff)
        .join(customers.select(C.CUSTOMER_KEY, C.AGE), on=C.CUSTOMER_KEY, how="left")
        .groupBy(C.ARTICLE_KEY)
        .agg(
            F.sum("quantity").alias("sales"),
            F.count("*").alias("customers"),
            *[F.sum(f"quantity_{days}d").alias(f"sales_{days}d") for days in (1, 7, 30)],
            mean_price(F.sum("spend"), F.sum("quantity")).alias("mean_price"),
            F.max("first_days_since").alias("days_on_sale"),
            F.min("days_since").alias("days_since_sale"),
            F.avg(C.AGE).alias("mean_customer_age"),
            F.avg(bought_again.cast("int")).alias("repurchase_rate"),
        )
    )
