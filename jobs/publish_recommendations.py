"""Publish the run date's recommendations to Postgres: load, audit, switch.

Readers see the old run until the new one is whole, then the new one. A run date before the active
run's is loaded but not shown, unless publish.activate is `always`.
"""

import sys
from collections.abc import Sequence

from recsys.config import POLICIES
from recsys.errors import DataError
from recsys.job import Before, Input, Job, run_job
from recsys.serving.postgres import database_url
from recsys.serving.publish import publish
from recsys.serving.snapshot import Run, Snapshot

#: Policies that have a column of their own in recs.runs.
COLUMNS = {"k", "policy", "policy_days"}


def build(job: Job) -> None:
    """Publish; facts: run_id, active, recommendations, model_version, explanation."""
    url = database_url()
    snapshot = Snapshot(job.lake, str(job.run_date))
    run = describe_run(job, snapshot)
    outcome = publish(url, snapshot, run, job.config.publish, force=job.args.force)
    job.unchanged = not outcome.changed
    job.facts |= {
        "run_id": outcome.run_id,
        "active": outcome.active,
        "recommendations": job.lake.require(snapshot.partitions["recommendations.lists"]).rows,
        "model_version": run.model_version,
        "explanation": outcome.explanation,
    }


def describe_run(job: Job, snapshot: Snapshot) -> Run:
    """Return what the run is made of; its k and its policy are those that the lists were made with.

    Raises:
        MissingPartitionError: an input was never committed.
        DataError: lists and similar articles are of different models.
    """
    partitions = list(snapshot.partitions.values())
    inputs: list[Input] = [
        Before(p, job.run_date) if p.dataset == "cleaned.transactions" else p for p in partitions
    ]
    lists = job.lake.require(snapshot.partitions["recommendations.lists"])
    similar = job.lake.require(snapshot.partitions["recommendations.similar_articles"])
    if similar.notes.get("model_version") != lists.notes["model_version"]:
        raise DataError(
            f"recommendations are of model {lists.notes['model_version']}, similar articles of"
            f" {similar.notes.get('model_version')}: run find_similar_articles again"
        )
    return Run(
        run_date=str(job.run_date),
        source=job.config.source,
        model_version=lists.notes["model_version"],
        policy=lists.settings["policy"],
        policy_days=lists.settings["policy_days"],
        k=lists.settings["k"],
        fingerprint=job.fingerprint(inputs=inputs),
        inputs={str(p): job.lake.require(p).fingerprint for p in partitions},
        notes=lists.notes,
        policies={n: v for n, v in lists.settings.items() if n in POLICIES - COLUMNS},
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line and return its exit code."""
    return run_job(build, argv, name="publish_recommendations", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
