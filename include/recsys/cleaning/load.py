"""Clean raw sources of transactions in one pass, and account for each of their rows."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import PurePosixPath

from recsys.cleaning.audit import Rejections, check_rejections, count_rejected, tally
from recsys.cleaning.cleaner import Cleaner, DayWritten, Done, clean_here, count_written
from recsys.cleaning.fields import Limits
from recsys.cleaning.loads import Account, Loads, add_up
from recsys.cleaning.pieces import Piece, cut_file
from recsys.cleaning.raw import estimate_rows
from recsys.cleaning.sources import Source
from recsys.job import Job
from recsys.schemas import CLEANED_TRANSACTIONS, REJECTED
from recsys.step import Step
from recsys.storage import Draft

#: Rows whose days one task of Spark's holds in memory.
TASK_ROWS = 500_000


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
    config = job.config.cleaning
    pieces = [piece for source in sources for piece in _cut(source)]
    with step.write("rejected.transactions") as aside:
        done = _clean(job, sources, pieces, draft, aside)
        read = _read_by_file(pieces, done)
        found = count_rejected(aside, files=list(read))
        if not aside.rows:
            job.lake.put_table(aside, REJECTED.empty_table())
    check_rejections(read, *found, max_share=config.max_rejected_share)
    days = count_written(draft.path, done.digests)
    draft.rows, draft.schema = sum(day.rows for day in days.values()), CLEANED_TRANSACTIONS
    kept = sum(day.pieces for day in days.values())
    both = Rejections("transactions", add_up({r.file: r.counts for r in found}), {})
    draft.counts = tally(read=sum(read.values()), kept=kept, rejections=both) | {
        "rows_collapsed": kept - draft.rows
    }
    accounts = {s.name: _account(s, read, found, days) for s in sources}
    draft.notes = loads.notes(accounts, days)


def _cut(source: Source) -> list[Piece]:
    """Return the pieces of a source's files, which are named relative to the data folder."""
    if source.day is None:
        return cut_file(source.files[0], file=source.name, day=None)
    names = [f"{source.name}/{PurePosixPath(address).name}" for address in source.files]
    return [
        piece
        for address, name in zip(source.files, names, strict=True)
        for piece in cut_file(address, file=name, day=source.day)
    ]


def _clean(
    job: Job, sources: Sequence[Source], pieces: Sequence[Piece], kept: Draft, aside: Draft
) -> Done:
    """Clean pieces in this process if they are few, else by Spark, of which starting takes long."""
    articles, customers = job.partition("cleaned.articles"), job.partition("cleaned.customers")
    rows = estimate_rows(file for source in sources for file in source.files)
    is_small = rows < job.config.spark.small_rows
    cleaner = Cleaner(
        tuple(pieces),
        articles=tuple(job.lake.files(articles)),
        customers=tuple(job.lake.files(customers)),
        limits=Limits(datetime.now(UTC).date(), job.config.cleaning.max_price),
        kept=kept.path,
        aside=aside.path,
        is_small=is_small,
    )
    if is_small:
        return clean_here(cleaner)
    from recsys.cleaning.spread import clean_by_workers
    from recsys.spark import build_session

    session = build_session(job.config, job.name, rows=rows)
    tasks = max(job.config.spark.shuffle_partitions, rows // TASK_ROWS)
    return clean_by_workers(session, cleaner, tasks=tasks)


def _read_by_file(pieces: Sequence[Piece], done: Done) -> dict[str, int]:
    read: Counter[str] = Counter()
    for piece, rows in zip(pieces, done.read, strict=True):
        read[piece.file] += rows
    return dict(read)


def _account(
    source: Source,
    read: dict[str, int],
    found: Sequence[Rejections],
    days: dict[date, DayWritten],
) -> Account:
    own = [file for file in read if file == source.name or file.startswith(f"{source.name}/")]
    kept = [written for day, written in days.items() if source.day in (None, day)]
    return Account(
        source.sha256,
        read=sum(read[file] for file in own),
        kept=sum(written.pieces for written in kept),
        rejected=add_up({r.file: r.counts for r in found if r.file in own}),
    )
