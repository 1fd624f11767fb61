"""Find each customer's few hundred candidates: by the towers and by what people buy.

The model is the champion, unless --model-version names another one. Candidates know no purchase
policy: ranking applies it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial

from recsys.errors import ConfigError
from recsys.inference.night import Retrieval
from recsys.inference.offered import stock_files
from recsys.inference.run import scorer_inputs, scorer_notes
from recsys.job import Before, Input, Job, run_job
from recsys.scoring import Maker, write_shards
from recsys.serving.versions import champion
from recsys.shards import Shards

DATASETS = ("cleaned.customers", "features.popularity", "features.copurchases")


def build(job: Job) -> None:
    """Write `candidates.pairs`, a file a shard of customers, and which articles spoke for which."""
    version = job.args.model_version or _champion(job)
    job.facts["model_version"] = version
    articles = job.config.recommendations.articles
    inputs: list[Input] = [
        *scorer_inputs(job, version),
        *(job.partition(name) for name in DATASETS),
        Before(job.partition("cleaned.transactions"), job.run_date),
        *stock_files(articles, job.config.data),
    ]
    settings = job.config.candidates.model_dump() | {"articles": articles.model_dump()}
    outputs = ["candidates.ease", "candidates.pairs"]
    step = job.step(outputs, inputs=inputs, settings=settings)
    if step.is_current:
        return
    key = f"{job.lake.root} {step.fingerprint}"
    load = partial(Retrieval.load, version=version, fingerprint=step.fingerprint)
    # What an earlier run fitted does not count where all is to be made anew.
    fit = partial(load, fingerprint="") if step.force else load
    with step.write("candidates.ease", resume=True) as draft:
        write_shards(job, Shards(job.lake, draft, 1), Maker(fit, "make_ease", key))
    with step.write("candidates.pairs", resume=True) as draft:
        draft.notes = scorer_notes(job, version)
        shards = Shards(job.lake, draft, Retrieval.count_shards(job))
        write_shards(job, shards, Maker(load, "make", key))
        draft.counts["customers"] = job.lake.require(job.partition("cleaned.customers")).rows


def _champion(job: Job) -> str:
    url = os.environ.get("RECSYS_DATABASE_URL")
    version = champion(url, job.config.source) if url else None
    if version is None:
        raise ConfigError(
            f"no model serves {job.config.data} yet: run train_models, evaluate and promote_model"
            " with RECSYS_DATABASE_URL set, or name a version with --model-version"
        )
    return version


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model-version", help="a version in the lake (default: the champion)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(
        build, argv, name="generate_candidates", description=__doc__, add_arguments=_add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
