"""Which earlier features those of a new cutoff can start from."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.job import Before, Job
from recsys.manifest import Manifest
from recsys.paths import Partition

TRANSACTIONS = "cleaned.transactions"
CATALOGUE = ("cleaned.customers", "cleaned.articles")
#: Beyond this share of the history since then, starting from nothing is as quick.
MAX_NEW_SHARE = 0.1


def recipe(job: Job) -> str:
    """Return the fingerprint of the code and the settings that make features, whatever the day."""
    return job.fingerprint(inputs=[], settings=job.config.features, dated=False)


def find_earlier(job: Job, cutoff: date) -> date | None:
    """Return the latest cutoff before this one whose features can be carried over, None for none.

    They must be made by this code with these settings, of the purchases that are still those before
    that cutoff, most of them of the days before it; and the catalogue may have new articles, but
    none that was sold already, nor another product group for one that was.
    """
    for key in reversed(job.lake.keys("features.customers")):
        if key < str(cutoff) and _is_usable(job, date.fromisoformat(key), cutoff):
            return date.fromisoformat(key)
    return None


def _is_usable(job: Job, earlier: date, cutoff: date) -> bool:
    transactions = job.partition(TRANSACTIONS)
    customers, articles = (
        job.lake.manifest(job.partition(f"features.{name}", earlier))
        for name in ("customers", "articles")
    )
    if customers is None or articles is None or customers.fingerprint != articles.fingerprint:
        return False
    history = Before(transactions, earlier)
    return (
        customers.notes.get("recipe") == recipe(job)
        and customers.inputs.get(str(history)) == job.digest(history)
        and _new_share(job.lake.require(transactions), earlier, cutoff) <= MAX_NEW_SHARE
        and _articles_fit(job, transactions, earlier)
    )


def _new_share(view: Manifest, earlier: date, cutoff: date) -> float:
    """Return the share of the rows before the cutoff that are not before the earlier one."""
    rows = {part.key: part.rows for part in view.parts if part.key < str(cutoff)}
    new = sum(count for day, count in rows.items() if day >= str(earlier))
    return new / max(sum(rows.values()), 1)


def _articles_fit(job: Job, transactions: Partition, earlier: date) -> bool:
    columns = [C.ARTICLE_KEY, "product_group_name"]
    known = job.lake.read(job.partition("features.articles", earlier), [*columns, "sales"])
    now = job.lake.read(job.partition("cleaned.articles"), columns)
    sold = known.filter(pc.field("sales") > 0).select(columns)
    both = sold.join(now, C.ARTICLE_KEY, join_type="inner", right_suffix="_now")
    groups = [pc.fill_null(both[name], "") for name in (columns[1], f"{columns[1]}_now")]
    if not pc.all(pc.equal(*groups), min_count=0).as_py():
        return False
    new = now.join(known.select(columns[:1]), C.ARTICLE_KEY, join_type="left anti")
    return not _sold_before(job, transactions, earlier, new)


def _sold_before(job: Job, transactions: Partition, day: date, articles: pa.Table) -> bool:
    """Whether one of these articles was sold before a day."""
    if not articles.num_rows:
        return False
    history = job.lake.scan(transactions, before=str(day))
    return bool(history.count_rows(filter=pc.field(C.ARTICLE_KEY).isin(articles[C.ARTICLE_KEY])))
