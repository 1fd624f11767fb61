"""What each customer ever bought."""

from datetime import date

from pyspark.sql import DataFrame

from recsys.features.history import customer_articles
from recsys.schemas import FEATURES_PURCHASES
from recsys.spark import conform


def list_purchases(transactions: DataFrame, *, cutoff: date) -> DataFrame:
    """Return FEATURES_PURCHASES: one row for each customer and article bought before the cutoff."""
    return conform(customer_articles(transactions, cutoff=cutoff), FEATURES_PURCHASES)
