"""From checks to what follows: the table, the page, the report's facts, the log, the exit code."""

from recsys.checks.result import Check, Status, count_by_status, from_table, to_table
from recsys.errors import DataError
from recsys.job import Job
from recsys.paths import checks_path
from recsys.step import Step


def commit(job: Job, step: Step, results: str, checks: list[Check], page: str) -> None:
    """Write a partition of results, and their page; both stand whatever they say."""
    job.lake.write_text(page_path(job, results), page)
    with step.write(results) as draft:
        draft.counts = count_by_status(checks)
        job.lake.put_table(draft, to_table(checks))


def conclude(job: Job, results: str) -> None:
    """Report the committed results: warnings go into the log, a breach stops the job.

    Facts: page, warnings and breaches (their messages), and the checks of each status.

    Raises:
        DataError: with the message of each breach.
    """
    checks = from_table(job.lake.read(job.partition(results)))
    messages = {s: [c.message for c in checks if c.status is s] for s in Status}
    page = job.lake.address(page_path(job, results))
    job.facts |= {
        **count_by_status(checks),
        "warnings": messages[Status.WARNING],
        "breaches": messages[Status.BREACH],
        "page": page,
    }
    for message in messages[Status.WARNING]:
        job.logger.warning("%s", message)
    if breaches := messages[Status.BREACH]:
        raise DataError([*breaches, f"see {page}"])


def page_path(job: Job, results: str) -> str:
    """Return where the page of a partition of results is, relative to the lake's root."""
    return checks_path(job.run_date.isoformat(), results.rpartition(".")[2])
