"""Describe customers, articles and what sells as of a day.

Without flags that day is the run date. With --training the purchases before the run date are split
by time, and features are built as of each snapshot that training examples are drawn from. Features
are carried over from those of an earlier day where the purchases before it are the same; --force
builds them from the whole history.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from recsys.examples.split import daily_counts, from_table, split_snapshots, to_table
from recsys.features.earlier import CATALOGUE, TRANSACTIONS
from recsys.job import Before, Job, run_job

OUTPUTS = (
    "features.articles", "features.customers", "features.popularity", "features.copurchases",
)  # fmt: skip


def build(job: Job) -> None:
    """Write the features of each cutoff that is not current; start Spark only if there is one."""
    cutoffs = _snapshot_cutoffs(job) if job.args.training else [job.run_date]
    for cutoff in sorted(cutoffs):  # so that each can start from the one before
        step = job.step(
            [job.partition(dataset, cutoff) for dataset in OUTPUTS],
            inputs=[
                Before(job.partition(TRANSACTIONS), cutoff),
                *[job.partition(dataset) for dataset in CATALOGUE],
            ],
            settings=job.config.features.model_dump() | {"cutoff": cutoff},
            dated=False,
        )
        if not step.is_current:
            from recsys.features.build import write_features

            write_features(job, step, cutoff)


def _snapshot_cutoffs(job: Job) -> list[date]:
    """Return the cutoffs of the split, which is written where it is not current."""
    transactions, split = job.partition(TRANSACTIONS), job.partition("examples.split")
    step = job.step([split], inputs=[transactions], settings=job.config.examples.split)
    if not step.is_current:
        counts = daily_counts(job.lake.scan(transactions))
        snapshots = split_snapshots(counts, job.config.examples.split, run_date=job.run_date)
        with step.write("examples.split") as draft:
            job.lake.put_table(draft, to_table(snapshots))
    return [snapshot.cutoff for snapshot in from_table(job.lake.read(split))]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--training", action="store_true",
        help="split by time and build features as of each snapshot, instead of the run date",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; see --help."""
    return run_job(
        build, argv, name="build_features", description=__doc__, add_arguments=_add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
