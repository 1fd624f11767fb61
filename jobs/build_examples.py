"""Draw training pairs: each purchase in a label window, and articles that the customer did not buy.

Needs the split and the snapshots' features, which `build_features --training` writes.
"""

import sys
from collections.abc import Sequence

from recsys.examples.split import from_table
from recsys.job import Job, run_job


def build(job: Job) -> None:
    """Write examples.pairs."""
    split, transactions = job.partition("examples.split"), job.partition("cleaned.transactions")
    snapshots = from_table(job.lake.read(split))
    articles = {s.cutoff: job.partition("features.articles", s.cutoff) for s in snapshots}
    config = job.config.examples
    step = job.step(
        ["examples.pairs"], inputs=[split, transactions, *articles.values()], settings=config
    )
    if step.is_current:
        return
    from recsys.cleaning.audit import write_frame
    from recsys.examples.negatives import sample_negatives
    from recsys.examples.pairs import count_pairs, find_pool, find_positives, to_pairs
    from recsys.spark import build_session, read_parquet

    spark = build_session(job.config, job.name, rows=job.lake.require(transactions).rows)
    bought = read_parquet(spark, job.lake.files(transactions))
    on_sale = {day: read_parquet(spark, job.lake.files(part)) for day, part in articles.items()}
    number = config.negatives_per_positive
    sampled = sample_negatives(
        find_positives(bought, snapshots),
        bought,
        find_pool(bought, on_sale, snapshots, config),
        number=number,
        seed=job.config.seed,
    )
    with step.write("examples.pairs") as draft:
        pairs = write_frame(to_pairs(sampled), draft)
        draft.counts = count_pairs(pairs, negatives_per_positive=number)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; see --help."""
    return run_job(build, argv, name="build_examples", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
