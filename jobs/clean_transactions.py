"""Clean transactions_train.csv: typed rows with keys; bad rows set aside with a reason.

Needs the catalogue of the same run date: a transaction of an unknown customer or article is bad.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from recsys.cleaning.raw import check_folder
from recsys.columns import Columns as C
from recsys.job import Job, run_job
from recsys.paths import TRANSACTIONS_CSV


def build(job: Job) -> None:
    """Write cleaned.transactions and rejected.transactions."""
    config = job.config.cleaning
    path = check_folder(job.config.data)[TRANSACTIONS_CSV]
    articles, customers = job.partition("cleaned.articles"), job.partition("cleaned.customers")
    # Today is no setting: rows from tomorrow on are past the cutoff of any run date up to then.
    step = job.step(
        ["cleaned.transactions", "rejected.transactions"],
        inputs=[articles, customers, path],
        settings=config,
    )
    if step.is_current:
        return
    from recsys.cleaning.audit import check_rejections, tally, write_rejected
    from recsys.cleaning.lines import read_lines, set_aside
    from recsys.cleaning.transactions import (
        broadcast_customers,
        check_transactions,
        write_transactions,
    )
    from recsys.spark import build_session

    spark = build_session(job.config, job.name)
    known = spark.read.parquet(job.lake.path(customers)).select(C.CUSTOMER_ID, C.CUSTOMER_KEY)
    checked = check_transactions(
        read_lines(spark, path),
        articles=spark.read.parquet(job.lake.path(articles)).select(C.ARTICLE_ID, C.ARTICLE_KEY),
        customers=broadcast_customers(known, rows=job.lake.require(customers).rows),
        today=datetime.now(UTC).date(),
        max_price=config.max_price,
    )
    with step.write("cleaned.transactions") as cleaned:
        rows = write_transactions(checked, cleaned)
        # Most files are clean, and then there is no second pass.
        faulty = checked if rows.kept < rows.read else checked.limit(0)
        with step.write("rejected.transactions") as rejected:
            [found] = write_rejected(
                set_aside(faulty, TRANSACTIONS_CSV), rejected, files=[TRANSACTIONS_CSV]
            )
        check_rejections({TRANSACTIONS_CSV: rows.read}, found, max_share=config.max_rejected_share)
        counts = tally(read=rows.read, kept=rows.kept, rejections=found)
        cleaned.counts = counts | {"rows_collapsed": rows.kept - (cleaned.rows or 0)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="clean_transactions", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
