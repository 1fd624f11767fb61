"""Clean articles.csv and customers.csv, and give each new id a key that it keeps for ever.

Checks the whole raw folder first, so that one run names the faults of all its files.
"""

import sys
from collections.abc import Sequence

from recsys.cleaning.raw import check_folder, estimate_rows
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
    from recsys.cleaning.audit import check_rejections, tally, write_frame, write_rejected
    from recsys.cleaning.catalogue import (
        check_articles,
        check_customers,
        count_unrecognised,
        keep_articles,
        keep_customers,
        refuse_repeats,
    )
    from recsys.cleaning.keys import extend_keys
    from recsys.cleaning.lines import read_lines, set_aside
    from recsys.cleaning.reasons import Reason
    from recsys.columns import Columns as C
    from recsys.spark import build_session

    spark = build_session(job.config, job.name, rows=estimate_rows(inputs))
    checked_articles = check_articles(read_lines(spark, paths[ARTICLES_CSV]))
    checked_customers = check_customers(read_lines(spark, paths[CUSTOMERS_CSV]))
    with (
        refuse_repeats(checked_articles, C.ARTICLE_ID, Reason.DUPLICATE_ARTICLE) as articles,
        refuse_repeats(checked_customers, C.CUSTOMER_ID, Reason.DUPLICATE_CUSTOMER) as customers,
    ):
        read = {ARTICLES_CSV: articles.count(), CUSTOMERS_CSV: customers.count()}
        aside = [set_aside(articles, ARTICLES_CSV), set_aside(customers, CUSTOMERS_CSV)]
        with step.write("rejected.catalogue") as draft:
            found = write_rejected(aside[0].unionByName(aside[1]), draft, files=FILES)
        check_rejections(read, *found, max_share=job.config.cleaning.max_rejected_share)
        article_keys = extend_keys(keys, articles, "articles")
        customer_keys = extend_keys(keys, customers, "customers")
        with step.write("cleaned.articles") as kept, step.write("cleaned.customers") as people:
            write_frame(keep_articles(articles, article_keys, rows=read[ARTICLES_CSV]), kept)
            kept.counts = tally(read=read[ARTICLES_CSV], kept=kept.rows or 0, rejections=found[0])
            write_frame(keep_customers(customers, customer_keys, rows=read[CUSTOMERS_CSV]), people)
            people.counts = tally(
                read=read[CUSTOMERS_CSV], kept=people.rows or 0, rejections=found[1]
            ) | count_unrecognised(customers)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="clean_catalogue", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
