"""Every features data set of one cutoff."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from recsys.config import FeaturesConfig
from recsys.features.articles import describe_articles
from recsys.features.copurchases import find_copurchases
from recsys.features.customers import describe_customers
from recsys.features.history import customer_articles
from recsys.features.popularity import rank_popular_articles
from recsys.features.purchases import list_purchases


@dataclass(frozen=True)
class Cleaned:
    """The cleaned tables that features are made of."""

    transactions: DataFrame
    customers: DataFrame
    articles: DataFrame


@contextmanager
def features_as_of(
    cleaned: Cleaned, config: FeaturesConfig, *, cutoff: date
) -> Iterator[dict[str, DataFrame]]:
    """Yield data set name -> frame: the features of `cutoff`, to be written inside the block.

    What all of them start from is kept by Spark until its end. Transactions are not: they are read
    twice a cutoff, and to read Parquet again costs no more than a cache.
    """
    transactions, customers, articles = cleaned.transactions, cleaned.customers, cleaned.articles
    shared = customer_articles(transactions, cutoff=cutoff).persist()
    try:
        yield {
            "features.purchases": list_purchases(transactions, cutoff=cutoff),
            "features.customers": describe_customers(
                transactions,
                customers,
                articles,
                cutoff=cutoff,
                history_length=config.history_length,
            ),
            "features.articles": describe_articles(
                transactions, customers, articles, cutoff=cutoff, on_sale_days=config.on_sale_days
            ),
            "features.popularity": rank_popular_articles(
                transactions,
                customers,
                cutoff=cutoff,
                popular_days=config.popular_days,
                on_sale_days=config.on_sale_days,
                popular_articles=config.popular_articles,
            ),
            "features.copurchases": find_copurchases(
                transactions,
                cutoff=cutoff,
                copurchase_days=config.copurchase_days,
                copurchased_articles=config.copurchased_articles,
                history_length=config.history_length,
            ),
        }
    finally:
        shared.unpersist()
