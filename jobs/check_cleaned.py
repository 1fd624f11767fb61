"""Check the cleaned tables before anything is made of them: counts, nulls, values, keys, days.

Results are kept whatever they say, as a table and as a page. Warnings go into the log; a breach
stops the run here, and the recommendations of the night before stay as they are.
"""

import sys
from collections.abc import Sequence

from recsys.checks.before import find_before, load_before
from recsys.checks.cleaned import check_cleaned, read_headers
from recsys.checks.conclude import commit, conclude
from recsys.checks.page import day_bars, render
from recsys.checks.tables import CLEANED, require_known_columns
from recsys.job import Job, run_job

RESULTS = "checks.cleaned"


def build(job: Job) -> None:
    """Write checks.cleaned and its page."""
    config = job.config.checks
    require_known_columns(config)
    headers = read_headers(job.config.data)
    earlier = find_before(job.lake, RESULTS, run_date=job.run_date)
    step = job.step(
        [RESULTS],
        inputs=[*map(job.partition, CLEANED), *([earlier] if earlier else [])],
        settings=config.model_dump() | {"headers": headers},
    )
    if not step.is_current:
        found = check_cleaned(job, load_before(job.lake, earlier, tuple(CLEANED)), headers)
        page = render(
            found.checks,
            layer="cleaned",
            run_date=job.run_date,
            accounts=found.accounts,
            days=day_bars(found.days, config.daily_rows, until=job.run_date),
        )
        commit(job, step, RESULTS, found.checks, page)
    conclude(job, RESULTS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="check_cleaned", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
