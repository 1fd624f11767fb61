"""Choose each customer's list from the candidates: policies, score, order, exactly k.

The model is the one that the candidates are of, unless --model-version names another one.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from recsys.config import POLICIES
from recsys.errors import DataError
from recsys.inference.night import Ranking
from recsys.inference.offered import stock_files
from recsys.inference.run import candidates_version, scorer_inputs, scorer_notes
from recsys.job import Before, Input, Job, run_job
from recsys.scoring import Maker, write_shards
from recsys.shards import Shards
from recsys.storage import Draft

DATASETS = ("candidates.pairs", "candidates.ease", "cleaned.customers", "features.popularity")


def build(job: Job) -> None:
    """Write `recommendations.lists`, a file a shard of customers, and what they may hold."""
    version = candidates_version(job)
    job.facts["model_version"] = version
    config = job.config.recommendations
    inputs: list[Input] = [
        *scorer_inputs(job, version),
        *(job.partition(name) for name in DATASETS),
        Before(job.partition("cleaned.transactions"), job.run_date),
        *stock_files(config.articles, job.config.data),
    ]
    settings = config.model_dump(include=set(POLICIES))
    outputs = ["recommendations.offered", "recommendations.lists"]
    step = job.step(outputs, inputs=inputs, settings=settings)
    if step.is_current:
        return
    load = partial(Ranking.load, version=version)
    maker = partial(Maker, load, key=f"{job.lake.root} {step.fingerprint}")
    with step.write("recommendations.offered", resume=True) as draft:
        write_shards(job, Shards(job.lake, draft, 1), maker("make_offered"))
    with step.write("recommendations.lists", resume=True) as draft:
        draft.notes = scorer_notes(job, version)
        write_shards(job, Shards(job.lake, draft, Ranking.count_shards(job)), maker("make"))
        _check(job, draft)


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
