"""Choose each customer's list from the candidates: policy, score, order, exactly k.

The model is the one that the candidates are of, unless --model-version names another one.
"""

import argparse
import sys
from collections.abc import Sequence

from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.policy import exclusions, mode_of
from recsys.inference.purchases import PastPurchases, read_purchases
from recsys.inference.rank import rank
from recsys.inference.rankers import ranker_of, signals_for
from recsys.inference.run import Scorer, candidates_version, scorer_inputs, scorer_notes
from recsys.inference.sources import best_sellers_of, popular_orders
from recsys.job import Before, Input, Job, run_job
from recsys.storage import Draft

DATASETS = ("candidates.pairs", "cleaned.customers", "features.popularity")


def build(job: Job) -> None:
    """Write `recommendations.lists` of the run date, a file a shard of customers."""
    version = candidates_version(job)
    job.facts["model_version"] = version
    inputs: list[Input] = [
        *scorer_inputs(job, version),
        *(job.partition(name) for name in DATASETS),
        Before(job.partition("cleaned.transactions"), job.run_date),
    ]
    settings = job.config.recommendations.model_dump(include={"k", "policy", "policy_days"})
    step = job.step(["recommendations.lists"], inputs=inputs, settings=settings)
    if step.is_current:
        return
    with step.write("recommendations.lists") as draft:
        draft.notes = scorer_notes(job, version)
        _write(job, version, draft)
        _check(job, draft)


def _write(job: Job, version: str, draft: Draft) -> None:
    lake, config = job.lake, job.config.recommendations
    scorer = Scorer.load(job, version)
    popularity = lake.read(job.partition("features.popularity"))
    best_sellers = best_sellers_of(popularity, scorer.snapshot.is_on_sale)
    popular = popular_orders(best_sellers, scorer.snapshot)
    bands = scorer.snapshot.age_bands
    purchases = read_purchases(lake, job.partition("cleaned.transactions"), cutoff=job.run_date)
    excluded = exclusions(
        purchases, policy=config.policy, days=config.policy_days, customers=len(bands)
    )
    past = PastPurchases.of(purchases, customers=len(bands))
    del purchases
    signals = signals_for(scorer.model, scorer.snapshot, past)
    ranker = ranker_of(scorer.model, mode_of(config.policy), scorer.snapshot, signals)
    fragments = lake.scan(job.partition("candidates.pairs")).get_fragments()
    shards = sorted(fragments, key=lambda fragment: fragment.path)
    for number, shard in enumerate(shards):
        candidates = Candidates.from_table(shard.to_table())
        lists = rank(
            ranker,
            candidates,
            bands=bands,
            popular=popular,
            excluded=excluded,
            k=config.k,
        )
        lake.put_table(draft, lists, f"part-{number:05d}.parquet")
        job.logger.info("ranked %d of %d shards", number + 1, len(shards))


def _check(job: Job, draft: Draft) -> None:
    """Refuse lists that are not exactly k for each customer: a short list must never be seen."""
    k = job.config.recommendations.k
    customers = job.lake.require(job.partition("cleaned.customers")).rows
    draft.counts["customers"] = customers
    if draft.rows != customers * k:
        raise DataError(
            f"{customers} customers must get {customers * k} recommendations, not {draft.rows}:"
            " the candidates are of other customers; run generate_candidates again"
        )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model-version", help="a version in the lake (default: the candidates')")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(
        build, argv, name="rank_candidates", description=__doc__, add_arguments=_add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
