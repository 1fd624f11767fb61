"""Make a model version the champion by hand, such as to roll back to an earlier one.

Without --model-version nothing changes. Lists that are published stay until a night makes new ones.
"""

import argparse
import sys
from collections.abc import Sequence

from recsys.errors import ConfigError
from recsys.job import Job, run_job
from recsys.models.registry import model_partition
from recsys.serving import versions
from recsys.serving.postgres import database_url


def build(job: Job) -> None:
    """Put the version in the champion's place; fact: champion."""
    url, source, version = database_url(), job.config.source, job.args.model_version
    before = versions.champion(url, source)
    job.unchanged = version in ("", before)
    if not job.unchanged:
        _require(job, url, version)
        reason = f"chosen by hand for the run of {job.run_date}"
        versions.decide(url, source, version, promoted=True, reason=reason)
        job.logger.warning("%s takes the place of %s", version, before)
    job.facts["champion"] = versions.champion(url, source)


def _require(job: Job, url: str, version: str) -> None:
    """Refuse a version that is not registered, or that the lake lacks."""
    if versions.find(url, job.config.source, version) is None:
        raise ConfigError(
            f"{job.config.source} has no model version {version}: see recs.model_versions"
        )
    job.lake.require(model_partition(version))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model-version", default="", help="a version of recs.model_versions (default: none)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line."""
    return run_job(
        build, argv, name="choose_model", description=__doc__, add_arguments=_add_arguments
    )


if __name__ == "__main__":
    sys.exit(main())
