"""Register a trained and evaluated model version, and make it champion if it is good enough.

Good enough: ahead of each baseline of its evaluation, and not behind the champion by the paired
bootstrap over the customers of both. The first version may in any case, since nights need one.
A version that is refused is no failure: the job ends well, the champion stays, and
recs.model_versions says why.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from recsys.digest import sha256_of_json
from recsys.job import Job, run_job
from recsys.models.registry import model_partition
from recsys.paths import Partition
from recsys.serving import versions
from recsys.serving.postgres import database_url
from recsys.serving.promotion import judge, read_result
from recsys.serving.versions import ModelVersion


def build(job: Job) -> None:
    """Register, judge, promote or refuse; facts: promoted, champion, reason."""
    url, source, version = database_url(), job.config.source, job.args.model_version
    model = read_version(job, version)
    known = versions.find(url, source, version)
    state = "candidate" if known is None or job.args.force else known.state
    job.unchanged = known is not None and state != "candidate" and known.data == model.data
    if not job.unchanged:
        versions.register(url, model)
        if state != "retired":  # a rerun does not undo what took its place
            decide(job, url, model)
    report(job, url, source, version)


def decide(job: Job, url: str, model: ModelVersion) -> None:
    """Promote or refuse a registered version; the champion itself only gets its new metrics.

    A champion whose files are gone from the lake serves nobody, so there is none to compare with.

    Raises:
        DataError: the evaluation is beside another version than the champion.
    """
    champion = versions.champion(url, model.source)
    if champion == model.version:
        return
    if champion is not None and job.lake.manifest(model_partition(champion)) is None:
        champion = None
    result = read_result(model.metrics, mode=job.config.promotion.mode)
    decision = judge(result, champion)
    versions.decide(
        url, model.source, model.version, promoted=decision.promoted, reason=decision.reason
    )


def read_version(job: Job, version: str) -> ModelVersion:
    """Return what the lake knows of a version.

    Raises:
        MissingPartitionError: it was not trained, or not evaluated.
    """
    trained = job.lake.require(model_partition(version))
    evaluation = Partition("models.evaluations", version)
    evaluated = job.lake.require(evaluation)
    with job.lake.local_path(evaluation) as folder:
        metrics = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return ModelVersion(
        source=job.config.source,
        version=version,
        metrics=metrics,
        data=trained.inputs | {"models.evaluations": evaluated.fingerprint},
        manifest_sha256=sha256_of_json(trained.model_dump()),
        trained_at=trained.finished_at,
    )


def report(job: Job, url: str, source: str, version: str) -> None:
    """Say what the ledger holds now, in the log and in the job's facts."""
    decided = versions.find(url, source, version)
    assert decided is not None
    promoted = decided.state == "champion"
    say = (
        job.logger.info if promoted and "WARNING" not in str(decided.reason) else job.logger.warning
    )
    say("%s is %s: %s", version, decided.state, decided.reason)
    job.facts |= {
        "promoted": promoted,
        "champion": versions.champion(url, source),
        "reason": decided.reason,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the version to judge."""
    parser.add_argument("--model-version", required=True, help="a version of models.versions")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line and return its exit code."""
    return run_job(
        build, argv, name="promote_model", description=__doc__, add_arguments=add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
