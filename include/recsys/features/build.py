"""Every features data set of one cutoff."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.features.articles import describe_articles
from recsys.features.carry import Known, carry_over, changed_customers
from recsys.features.copurchases import find_copurchases
from recsys.features.customers import describe_customers
from recsys.features.earlier import TRANSACTIONS, find_earlier, recipe
from recsys.features.facts import ARTICLE_FACTS, CUSTOMER_FACTS, Catalogue, by_key
from recsys.features.history import COLUMNS, WINDOWS, Purchases
from recsys.features.popularity import rank_popular_articles
from recsys.job import Job
from recsys.schemas import AGE_BANDS, CLEANED_CUSTOMERS, FEATURES_CUSTOMERS
from recsys.step import Step
from recsys.storage import Draft

#: What of the catalogue is described: all of its customers' columns but their long ids.
CUSTOMER_COLUMNS = [name for name in CLEANED_CUSTOMERS.names if name in FEATURES_CUSTOMERS.names]
ARTICLE_COLUMNS = [C.ARTICLE_KEY, "product_group_name"]
#: Purchases that one task of Spark's holds in memory, about 50 MB.
TASK_ROWS = 500_000
#: Rows of a file, so that readers need not hold a whole table.
FILE_ROWS = 250_000


def write_features(job: Job, step: Step, cutoff: date) -> None:
    """Write every output of the step: the features as of a cutoff.

    They start from those of an earlier cutoff where that gives the same rows, unless the job is
    forced.
    """
    earlier = None if job.args.force else find_earlier(job, cutoff)
    job.logger.info("features as of %s, from %s", cutoff, earlier or "the whole history")
    notes = {"recipe": recipe(job), "carried_from": earlier and str(earlier)}
    for dataset, table in _describe(job, cutoff, earlier).items():
        with step.write(dataset) as draft:
            _put(job, draft, table)
            draft.notes = notes


def _put(job: Job, draft: Draft, table: pa.Table) -> None:
    """Write a table in files of FILE_ROWS, several at a time."""

    def write(number: int) -> None:
        rows = table.slice(number * FILE_ROWS, FILE_ROWS)
        job.lake.put_table(draft, rows, f"part-{number:05d}.parquet")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(max(1, -(-len(table) // FILE_ROWS)))))


def _describe(job: Job, cutoff: date, earlier: date | None) -> dict[str, pa.Table]:
    """Return data set name -> table."""
    config = job.config.features
    customers = job.lake.read(job.partition("cleaned.customers"), CUSTOMER_COLUMNS)
    articles = job.lake.read(job.partition("cleaned.articles"), ARTICLE_COLUMNS)
    catalogue = Catalogue.of(customers, articles)
    bands = by_key(
        customers[C.CUSTOMER_KEY], pc.index_in(customers[C.AGE_BAND], pa.array(AGE_BANDS))
    )
    days = max(*WINDOWS, config.popular_days, config.on_sale_days, config.copurchase_days)
    gather = _summarise if earlier is None else partial(_carry_over, earlier=earlier)
    with ThreadPoolExecutor(2) as pool:  # what is read and what is calculated leave cores to others
        facts = pool.submit(gather, job, cutoff, catalogue)
        recent = Purchases.of(_transactions(job, cutoff, days=days), cutoff=cutoff)
        copurchases = pool.submit(
            find_copurchases,
            recent,
            copurchase_days=config.copurchase_days,
            copurchased_articles=config.copurchased_articles,
            copurchase_customers=config.copurchase_customers,
            history_length=config.history_length,
        )
        customer_facts, article_facts = facts.result()
        people = pool.submit(describe_customers, customer_facts, recent, customers)
        described = describe_articles(
            article_facts, recent, bands, articles, on_sale_days=config.on_sale_days
        )
        return {
            "features.customers": people.result(),
            "features.articles": described,
            "features.popularity": rank_popular_articles(
                recent,
                bands,
                described,
                popular_days=config.popular_days,
                on_sale_days=config.on_sale_days,
                popular_articles=config.popular_articles,
            ),
            "features.copurchases": copurchases.result(),
        }


def _summarise(job: Job, cutoff: date, catalogue: Catalogue) -> tuple[pa.Table, pa.Table]:
    """Return the facts of customers and articles from the whole history, by Spark."""
    from recsys.features.histories import split_summaries, summarise_histories
    from recsys.spark import build_session, read_parquet

    transactions = job.partition(TRANSACTIONS)
    rows = job.lake.require(transactions).rows
    session = build_session(job.config, job.name, rows=rows)
    with job.lake.scratch(f"features/{cutoff}") as folder:
        summarise_histories(
            read_parquet(session, job.lake.files(transactions, before=str(cutoff))),
            catalogue,
            cutoff=cutoff,
            history_length=job.config.features.history_length,
            tasks=max(job.config.spark.shuffle_partitions, rows // TASK_ROWS),
            path=folder,
        )
        return split_summaries(job.lake.read_folder(folder))


def _carry_over(
    job: Job, cutoff: date, catalogue: Catalogue, *, earlier: date
) -> tuple[pa.Table, pa.Table]:
    """Return the facts of customers and articles from earlier features."""
    known = Known(
        earlier,
        job.lake.read(job.partition("features.customers", earlier), [*CUSTOMER_FACTS.names, C.AGE]),
        job.lake.read(job.partition("features.articles", earlier), ARTICLE_FACTS.names),
    )
    since = job.lake.read(
        job.partition(TRANSACTIONS), [C.CUSTOMER_KEY], since=str(earlier), before=str(cutoff)
    )
    changed = changed_customers(known, catalogue.ages, since[C.CUSTOMER_KEY].to_numpy())
    history = job.lake.read(
        job.partition(TRANSACTIONS),
        COLUMNS,
        pc.field(C.CUSTOMER_KEY).isin(pa.array(changed, pa.int32())),
        before=str(cutoff),
    )
    return carry_over(
        known,
        history,
        catalogue,
        cutoff=cutoff,
        history_length=job.config.features.history_length,
    )


def _transactions(job: Job, cutoff: date, *, days: int) -> pa.Table:
    """Return at least the transactions of the last so many days before the cutoff."""
    start = str(cutoff - timedelta(days=days))
    parts = job.lake.require(job.partition(TRANSACTIONS)).parts
    since = max((part.key for part in parts if part.key <= start), default="")
    return job.lake.read(job.partition(TRANSACTIONS), COLUMNS, since=since, before=str(cutoff))
