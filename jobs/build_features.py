"""Describe customers, articles and their purchases as of a day.

Without flags that day is the run date. With --training the purchases before the run date are split
by time, and features are built as of each snapshot that training examples are drawn from.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from recsys.examples.split import daily_counts, from_table, split_snapshots, to_table
from recsys.job import Before, Job, Step, run_job

TRANSACTIONS = "cleaned.transactions"
CATALOGUE = ("cleaned.customers", "cleaned.articles")
OUTPUTS = (
    "features.purchases", "features.customers", "features.articles", "features.popularity",
    "features.copurchases",
)  # fmt: skip


def build(job: Job) -> None:
    """Write the features of each cutoff that is not current; start Spark only if there is one."""
    cutoffs = _snapshot_cutoffs(job) if job.args.training else [job.run_date]
    steps = {cutoff: _step(job, cutoff) for cutoff in cutoffs}
    outdated = {cutoff: step for cutoff, step in steps.items() if not step.is_current}
    if outdated:
        _write(job, outdated)


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


def _step(job: Job, cutoff: date) -> Step:
    transactions = job.partition(TRANSACTIONS)
    return job.step(
        [job.partition(dataset, cutoff) for dataset in OUTPUTS],
        inputs=[Before(transactions, cutoff), *[job.partition(dataset) for dataset in CATALOGUE]],
        settings=job.config.features.model_dump() | {"cutoff": cutoff},
        dated=False,
    )


def _write(job: Job, steps: dict[date, Step]) -> None:
    from recsys.features.build import Cleaned, features_as_of
    from recsys.spark import build_session, read_parquet, write_parquet

    spark = build_session(job.config, job.name)
    catalogue = [read_parquet(spark, job.lake.files(job.partition(name))) for name in CATALOGUE]
    for cutoff, step in steps.items():
        days = job.lake.files(job.partition(TRANSACTIONS), before=str(cutoff))
        cleaned = Cleaned(read_parquet(spark, days), *catalogue)
        with features_as_of(cleaned, job.config.features, cutoff=cutoff) as frames:
            for dataset in OUTPUTS:
                with step.write(dataset) as draft:
                    draft.rows, draft.schema = write_parquet(frames[dataset], draft.path)
        job.logger.info("features as of %s", cutoff)


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
