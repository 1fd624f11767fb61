"""Check the features of the run date before candidates are made of them, and how far they moved.

Results are kept whatever they say, as a table and as a page. Warnings go into the log; a breach
stops the run here, and the recommendations of the night before stay as they are.
"""

import sys
from collections.abc import Sequence

from recsys.checks.before import find_before, load_before
from recsys.checks.conclude import commit, conclude
from recsys.checks.features import check_features
from recsys.checks.page import render
from recsys.checks.tables import FEATURES, require_known_columns
from recsys.job import Job, run_job

RESULTS = "checks.features"
INPUTS = (*FEATURES, "cleaned.articles", "cleaned.customers")


def build(job: Job) -> None:
    """Write checks.features and its page."""
    require_known_columns(job.config.checks)
    earlier = find_before(job.lake, RESULTS, run_date=job.run_date)
    inputs = [*map(job.partition, INPUTS), *([earlier] if earlier else [])]
    step = job.step([RESULTS], inputs=inputs, settings=job.config.checks)
    if not step.is_current:
        checks, drifts = check_features(job, load_before(job.lake, earlier, tuple(FEATURES)))
        page = render(checks, layer="features", run_date=job.run_date, drifts=drifts)
        commit(job, step, RESULTS, checks, page)
    conclude(job, RESULTS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    return run_job(build, argv, name="check_features", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
