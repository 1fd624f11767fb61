"""Clean articles.csv and customers.csv, and give each new id a key that it keeps for ever.

Checks the whole raw folder first, so that one run names the faults of all its files.
"""

import sys
from collections.abc import Sequence

from recsys.cleaning.raw import check_folder
from recsys.job import ALL_TIME, Job, run_job
from recsys.paths import ARTICLES_CSV, CUSTOMERS_CSV

FILES = (ARTICLES_CSV, CUSTOMERS_CSV)


def build(job: Job) -> None:
    """Write keys.*, cleaned.articles, cleaned.customers and rejected.catalogue."""
    paths = check_folder(job.config.data)
    inputs = [paths[name] for name in FILES]
    step = job.step(
        ["cleaned.articles", "cleaned.customers", "rejected.catalogue"],
        inputs=inputs,
        settings=job.config.cleaning,
        dated=False,
    )
    # The maps change only when new ids come, so they have a step and a fingerprint of their own.
    maps = [job.partition(f"keys.{name}", ALL_TIME) for name in ("articles", "customers")]
    keys = job.step(maps, inputs=inputs, dated=False)
    if all(job.lake.manifest(m) for m in maps) and (step.is_current or step.show_same()):
        return
    from recsys.cleaning.audit import check_rejections, count_rejected, tally
    from recsys.cleaning.catalogue import (
        UNRECOGNISED,
        check_articles,
        check_customers,
        check_file,
        keep,
    )
    from recsys.cleaning.keys import extend_keys
    from recsys.cleaning.lines import set_aside
    from recsys.cleaning.reasons import Reason
    from recsys.schemas import CLEANED_ARTICLES, CLEANED_CUSTOMERS

    articles = check_file(paths[ARTICLES_CSV], check_articles, Reason.DUPLICATE_ARTICLE)
    customers = check_file(paths[CUSTOMERS_CSV], check_customers, Reason.DUPLICATE_CUSTOMER)
    read = {ARTICLES_CSV: articles.read, CUSTOMERS_CSV: customers.read}
    with step.write("rejected.catalogue") as draft:
        for number, (name, checked) in enumerate(zip(FILES, (articles, customers), strict=True)):
            rejected = set_aside(checked.refused, name)
            job.lake.put_table(draft, rejected, f"part-{number:05d}.parquet")
        found = count_rejected(draft, files=FILES)
    check_rejections(read, *found, max_share=job.config.cleaning.max_rejected_share)
    article_keys = extend_keys(keys, articles.ids, "articles")
    customer_keys = extend_keys(keys, customers.ids, "customers")
    with step.write("cleaned.articles") as kept, step.write("cleaned.customers") as people:
        job.lake.put_table(kept, keep(articles, article_keys, CLEANED_ARTICLES))
        kept.counts = tally(read=articles.read, kept=kept.rows or 0, rejections=found[0])
        job.lake.put_table(people, keep(customers, customer_keys, CLEANED_CUSTOMERS))
        people.counts = tally(read=customers.read, kept=people.rows or 0, rejections=found[1])
        people.counts[UNRECOGNISED] = customers.unrecognised


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="clean_catalogue", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
