"""What is known of each customer as of a cutoff."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.features.history import before, customer_articles, mean_price
from recsys.schemas import FEATURES_CUSTOMERS
from recsys.spark import conform

#: Zero, not null, for a customer who never bought.
COUNTS = (
    "transactions", "purchase_days", "distinct_articles", "purchases_7d", "purchases_30d",
    "distinct_product_groups",
)  # fmt: skip
RECENT = ("recent_articles", "recent_days", "recent_quantities")


def describe_customers(
    transactions: DataFrame,
    customers: DataFrame,
    articles: DataFrame,
    *,
    cutoff: date,
    history_length: int,
) -> DataFrame:
    """Return FEATURES_CUSTOMERS: one row for each of `customers`, from purchases before the cutoff.

    Counts of a customer who never bought are 0 and the recent articles are empty; means, shares and
    days are null. Articles without a product group (null) do not count among the product groups.
    """
    everything = (
        customers.join(_activity(transactions, cutoff), on=C.CUSTOMER_KEY, how="left")
        .join(
            _assortment(transactions, articles, cutoff, history_length),
            on=C.CUSTOMER_KEY,
            how="left",
        )
        .fillna(0, subset=list(COUNTS))
        .withColumns({name: F.coalesce(name, F.array().cast("array<int>")) for name in RECENT})
    )
    return conform(everything, FEATURES_CUSTOMERS)


def _activity(transactions: DataFrame, cutoff: date) -> DataFrame:
    """Return how often, when and through which channel each customer bought, from its days."""
    days = (
        before(transactions, cutoff)
        .groupBy(C.CUSTOMER_KEY, "days_ago")
        .agg(
            F.sum(C.QUANTITY).alias("pieces"),
            F.sum(F.when(F.col(C.SALES_CHANNEL_ID) == 2, F.col(C.QUANTITY)).otherwise(0)).alias(
                "pieces_2"
            ),
        )
    )
    weeks = F.max("days_ago") / 7
    return days.groupBy(C.CUSTOMER_KEY).agg(
        F.sum("pieces").alias("transactions"),
        F.count("*").alias("purchase_days"),
        (F.count("*") / weeks).alias("purchase_frequency"),
        F.min("days_ago").alias("recency_days"),
        (F.sum("pieces_2") / F.sum("pieces")).alias("channel_2_share"),
    )


def _assortment(
    transactions: DataFrame, articles: DataFrame, cutoff: date, history_length: int
) -> DataFrame:
    """Return what each customer bought: numbers of articles and groups, price, latest articles."""
    groups = articles.select(C.ARTICLE_KEY, "product_group_name")
    minus_key = (-F.col(C.ARTICLE_KEY)).alias("minus_key")
    # Ascending days and, within a day, descending keys: the latest come first.
    latest = F.array_sort(F.collect_list(F.struct("days_since", minus_key, "quantity")))
    return (
        customer_articles(transactions, cutoff=cutoff)
        .join(F.broadcast(groups), on=C.ARTICLE_KEY, how="left")
        .groupBy(C.CUSTOMER_KEY)
        .agg(
            F.count("*").alias("distinct_articles"),
            F.size(F.collect_set("product_group_name")).alias("distinct_product_groups"),
            mean_price(F.sum("spend"), F.sum("quantity")).alias("mean_price"),
            F.sum("quantity_7d").alias("purchases_7d"),
            F.sum("quantity_30d").alias("purchases_30d"),
            F.slice(latest, 1, history_length).alias("latest"),
        )
        .withColumns(
            {
                "recent_articles": F.transform("latest", lambda row: -row["minus_key"]),
                "recent_days": F.col("latest.days_since"),
                "recent_quantities": F.col("latest.quantity"),
            }
        )
    )
