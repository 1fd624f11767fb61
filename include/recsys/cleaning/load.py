"""Clean raw sources of transactions in one pass, and account for each of their rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recsys.cleaning.audit import Rejections, check_rejections, tally, write_rejected
from recsys.cleaning.lines import DROP_DAY, list_rejected, read_drop_lines, read_lines
from recsys.cleaning.loads import Account, Loads, add_up
from recsys.cleaning.raw import estimate_rows
from recsys.cleaning.sources import Source, headers
from recsys.cleaning.transactions import (
    Written,
    broadcast_customers,
    check_transactions,
    named_customers,
    write_transactions,
)
from recsys.columns import Columns as C
from recsys.job import Job
from recsys.spark import SMALL_ROWS, build_session, read_parquet
from recsys.step import Step
from recsys.storage import Draft


def clean_sources(
    job: Job, step: Step, sources: Sequence[Source], loads: Loads, draft: Draft
) -> None:
    """Write what is valid into `draft`, in a folder a day; commit what is not before it is judged.

    Args:
        job: has the catalogue of its run date in its lake.
        step: has rejected.transactions among its outputs.
        sources: the dump alone, or daily drops alone.
        loads: for the notes of the draft.
        draft: of cleaned.loads.

    Raises:
        DataError: too much of a file is rejected.
        RecsysError: the rows do not add up.
    """
    config, rows = job.config.cleaning, estimate_rows(f for s in sources for f in s.files)
    spark = build_session(job.config, job.name, rows=rows)
    lines = _lines(spark, sources)
    checked = _check(job, spark, lines, rows=rows)
    written = write_transactions(checked, draft)
    read = _read_by_file(lines, sources, written)
    # Most files are clean, and then there is no second pass.
    faulty = checked if written.kept < written.read else checked.limit(0)
    with step.write("rejected.transactions") as aside:
        found = write_rejected(list_rejected(faulty), aside, files=list(read))
    check_rejections(read, *found, max_share=config.max_rejected_share)
    both = Rejections("transactions", add_up({r.file: r.counts for r in found}), {})
    draft.counts = tally(read=written.read, kept=written.kept, rejections=both) | {
        "rows_collapsed": written.kept - (draft.rows or 0)
    }
    accounts = {s.name: _account(s, read, found, written) for s in sources}
    draft.notes = loads.notes(accounts, written.days)


def _lines(spark: SparkSession, sources: Sequence[Source]) -> DataFrame:
    files = [file for source in sources for file in source.files]
    if sources[0].day is None:
        dump = read_lines(spark, files[0])
        return dump.withColumns(
            {C.FILE: F.lit(sources[0].name), DROP_DAY: F.lit(None).cast("date")}
        )
    return read_drop_lines(spark, files, headers=headers(sources))


def _check(job: Job, spark: SparkSession, lines: DataFrame, *, rows: int) -> DataFrame:
    articles, customers = job.partition("cleaned.articles"), job.partition("cleaned.customers")
    known_articles = read_parquet(spark, job.lake.files(articles))
    known = read_parquet(spark, job.lake.files(customers)).select(C.CUSTOMER_ID, C.CUSTOMER_KEY)
    if rows < SMALL_ROWS:  # to look for their ids costs less than to send all customers around
        known = named_customers(known, lines)
    return check_transactions(
        lines,
        articles=known_articles.select(C.ARTICLE_ID, C.ARTICLE_KEY),
        customers=broadcast_customers(known, rows=job.lake.require(customers).rows),
        today=datetime.now(UTC).date(),
        max_price=job.config.cleaning.max_price,
    )


def _read_by_file(lines: DataFrame, sources: Sequence[Source], written: Written) -> dict[str, int]:
    """Return the rows read of each file; several drops are small, and may be counted once more."""
    if sources[0].day is None:
        return {sources[0].name: written.read}
    files = [f"{s.name}/{PurePosixPath(file).name}" for s in sources for file in s.files]
    if len(files) == 1:
        return {files[0]: written.read}
    counted = lines.groupBy(C.FILE).count().orderBy(C.FILE).collect()
    return {row[C.FILE]: row["count"] for row in counted}


def _account(
    source: Source, read: dict[str, int], found: Sequence[Rejections], written: Written
) -> Account:
    if source.day is None:
        return Account(source.sha256, written.read, written.kept, found[0].counts)
    mine = f"{source.name}/"
    kept = written.days.get(source.day)
    return Account(
        source.sha256,
        read=sum(rows for file, rows in read.items() if file.startswith(mine)),
        kept=kept.pieces if kept else 0,
        rejected=add_up({r.file: r.counts for r in found if r.file.startswith(mine)}),
    )
