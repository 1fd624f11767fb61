"""Read the published recommendations back from Postgres, as any reader would, and judge them.

Faults stop the job and are listed all at once; what is published stays as it is.
"""

import sys
from collections.abc import Sequence

from recsys.job import Job, run_job
from recsys.serving.check import check
from recsys.serving.postgres import database_url
from recsys.serving.snapshot import Snapshot


def build(job: Job) -> None:
    """Check; facts: run_id, active, customers, recommendations."""
    snapshot = Snapshot(job.lake, str(job.run_date))
    config = job.config
    found = check(
        database_url(),
        snapshot,
        run_date=str(job.run_date),
        source=config.source,
        data=config.data,
    )
    job.facts |= {
        "run_id": found.run_id,
        "active": found.active,
        "customers": found.customers,
        "recommendations": found.recommendations,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line and return its exit code."""
    return run_job(build, argv, name="check_recommendations", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
