"""Find each article's most similar articles on sale: in looks, in buyers, and bought together.

Those that recommendations.articles leaves out are nobody's similar ones.

The model is the one that the candidates are of, unless --model-version names another one.
"""

import argparse
import sys
from collections.abc import Sequence

from recsys.inference.offered import offer_only, offered_articles, stock_files
from recsys.inference.run import Scorer, candidates_version, scorer_inputs, scorer_notes
from recsys.inference.similar import similar_articles
from recsys.job import Job, run_job

SETTINGS = {"articles", "similar_articles", "similar_image_share", "similar_copurchase_share"}


def build(job: Job) -> None:
    """Write `recommendations.similar_articles` of the run date."""
    version = candidates_version(job)
    job.facts["model_version"] = version
    config, copurchases = job.config.recommendations, job.partition("features.copurchases")
    stock = stock_files(config.articles, job.config.data)
    step = job.step(
        ["recommendations.similar_articles"],
        inputs=[*scorer_inputs(job, version), copurchases, *stock],
        settings=config.model_dump(include=SETTINGS),
    )
    if step.is_current:
        return
    scorer = Scorer.load(job, version)
    table = similar_articles(
        scorer.snapshot.image_vectors,
        scorer.model.article_vectors(scorer.snapshot),
        job.lake.read(copurchases),
        is_on_sale=offer_only(scorer.snapshot, offered_articles(job, scorer.snapshot)).is_on_sale,
        image_share=config.similar_image_share,
        copurchase_share=config.similar_copurchase_share,
        limit=config.similar_articles,
    )
    with step.write("recommendations.similar_articles") as draft:
        draft.notes = scorer_notes(job, version)
        job.lake.put_table(draft, table)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model-version", help="a version in the lake (default: the candidates')")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(
        build, argv, name="find_similar_articles", description=__doc__, add_arguments=_add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
