"""Facts from the whole history, by Spark: each worker takes whole histories of some customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame

from recsys.columns import Columns as C
from recsys.features.facts import (
    ARTICLE_FACTS,
    CUSTOMER_FACTS,
    Catalogue,
    add_up_articles,
    summarise_articles,
    summarise_customers,
)
from recsys.features.history import COLUMNS, Pairs, Purchases
from recsys.spark import write_work

#: One pass makes both: a row is of a customer, or of what one worker's customers bought of an
#: article.
SUMMARIES = pa.schema(
    [("customer", pa.struct(list(CUSTOMER_FACTS))), ("article", pa.struct(list(ARTICLE_FACTS)))]
)


@dataclass(frozen=True)
class _Summarise:
    """What runs in each worker's Python process."""

    catalogue: Catalogue
    cutoff: date
    history_length: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield SUMMARIES of the whole histories that the batches of one task hold together."""
        read = list(batches)
        if not read:
            return
        purchases = Purchases.of(pa.Table.from_batches(read), cutoff=self.cutoff)
        pairs = Pairs.of(purchases)
        customers = summarise_customers(
            purchases, pairs, self.catalogue, history_length=self.history_length
        )
        articles = summarise_articles(pairs, self.catalogue.ages)
        for name, facts in (("customer", customers), ("article", articles)):
            rows = facts.to_struct_array().combine_chunks()
            columns = {
                f.name: rows if f.name == name else pa.nulls(len(rows), f.type) for f in SUMMARIES
            }
            yield from pa.table(columns, schema=SUMMARIES).to_batches()


def summarise_histories(
    transactions: DataFrame,
    catalogue: Catalogue,
    *,
    cutoff: date,
    history_length: int,
    tasks: int,
    path: str,
) -> None:
    """Write SUMMARIES of all purchases before the cutoff, in no order.

    Args:
        transactions: cleaned.transactions.
        catalogue: what facts need of it.
        cutoff: as of which day.
        history_length: recent articles of a customer.
        tasks: into how many the customers are cut; each holds its part in memory.
        path: address of a folder that is there, for Parquet files.
    """
    by_customer = transactions.select(*COLUMNS).repartition(tasks, C.CUSTOMER_KEY)
    summarise = _Summarise(catalogue, cutoff, history_length)
    write_work(by_customer, summarise, SUMMARIES, path)


def split_summaries(summaries: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return CUSTOMER_FACTS, in no order, and ARTICLE_FACTS added up."""
    customers, articles = (
        pa.Table.from_struct_array(summaries[name].drop_null()) for name in SUMMARIES.names
    )
    return customers.cast(CUSTOMER_FACTS), add_up_articles(articles.cast(ARTICLE_FACTS))
