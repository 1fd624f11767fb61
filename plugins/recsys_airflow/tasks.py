"""The tasks of every DAG, each once, and the four groups that DAGs are made of.

A task's id is its job's file stem, behind its group's name. Each builder wires the inside of its
group; how the groups follow each other is for the DAG file to say.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, TaskGroup

from recsys.paths import WRITTEN_BY
from recsys_airflow.assets import ASSETS, outlets_of
from recsys_airflow.defaults import GPU_POOL, GPU_QUEUE, PUBLISH_POOL, SPARK_POOL
from recsys_airflow.operators import JobOperator, SparkJobOperator

#: The version that `train_models` made in this run.
TRAINED = "{{ ti.xcom_pull(task_ids='train.train_models')['facts']['model_version'] }}"

#: The version that the form asks for; nothing where it is left empty.
CHOSEN = "{{ params.model_version or '' }}"


@dataclass(frozen=True)
class Clean:
    """Raw files to typed rows; bad ones are set aside, the others checked as a whole."""

    group: TaskGroup
    catalogue: BaseOperator
    check: BaseOperator


@dataclass(frozen=True)
class Train:
    """Examples, two towers and a ranker, their evaluation, and the gate."""

    group: TaskGroup
    features: BaseOperator
    models: BaseOperator
    promote: BaseOperator


@dataclass(frozen=True)
class Refresh:
    """Features as of the run date, checked; candidates, ranked lists, Postgres, a last look."""

    group: TaskGroup
    features: BaseOperator
    candidates: BaseOperator
    similar: BaseOperator
    check: BaseOperator


def clean_group() -> Clean:
    """Return `clean`: the catalogue with its keys, the transactions, which use them, the checks."""
    with TaskGroup("clean", tooltip="Typed rows; bad ones set aside") as group:
        catalogue = table_job("clean_catalogue", hours=1)
        transactions = spark_job("clean_transactions", hours=3)
        check = table_job("check_cleaned", hours=1)
        catalogue >> transactions >> check
    return Clean(group, catalogue, check)


def images_group() -> TaskGroup:
    """Return `images`: new and changed images to embeddings."""
    with TaskGroup("images", tooltip="Images to vectors") as group:
        gpu_job("embed_images", hours=24)
    return group


def train_group() -> Train:
    """Return `train`: features at the split's cutoffs, examples, models, evaluation, the gate."""
    with TaskGroup("train", tooltip="Learn from the past, judge on what came after") as group:
        features = spark_job("build_features", "--training", hours=6)
        examples = spark_job("build_examples", hours=3)
        models = gpu_job("train_models", hours=24)
        evaluate = gpu_job("evaluate", "--model-version", TRAINED, hours=3, needs_database=True)
        promote = publish_job("promote_model", "--model-version", TRAINED, hours=1)
        features >> examples >> models >> evaluate >> promote
    return Train(group, features, models, promote)


def choose_model() -> JobOperator:
    """Return `choose_model`: the version that the form names becomes champion."""
    return publish_job("choose_model", "--model-version", CHOSEN, hours=1)


def refresh_group() -> Refresh:
    """Return `refresh`: from features to checked recommendations in Postgres."""
    nightly = [ASSETS[d] for d in WRITTEN_BY if d.startswith("features.")]
    with TaskGroup("refresh", tooltip="Tonight's recommendations") as group:
        features = spark_job("build_features", hours=3, outlets=nightly)
        check_features = table_job("check_features", hours=1)
        candidates = gpu_job("generate_candidates", hours=6, needs_database=True)
        rank = gpu_job("rank_candidates", hours=6)
        similar = gpu_job("find_similar_articles", hours=2)
        publish = publish_job("publish_recommendations", hours=2)
        check = publish_job("check_recommendations", hours=1)
        features >> check_features >> candidates >> [rank, similar] >> publish >> check
    return Refresh(group, features, candidates, similar, check)


def spark_job(job: str, *arguments: str, hours: int, **kwargs: Any) -> SparkJobOperator:
    """Return a job that spark-submit runs, one at a time."""
    return SparkJobOperator(
        **_common(job, arguments, hours), pool=SPARK_POOL, conn_id="spark_default", **kwargs
    )


def table_job(job: str, *, hours: int) -> JobOperator:
    """Return a job that reads whole tables without Spark; like a Spark job, one at a time."""
    return JobOperator(**_common(job, (), hours), pool=SPARK_POOL)


def gpu_job(job: str, *arguments: str, hours: int, **kwargs: Any) -> JobOperator:
    """Return a job that loads TensorFlow: one at a time, on a worker that has the GPU."""
    return JobOperator(**_common(job, arguments, hours), pool=GPU_POOL, queue=GPU_QUEUE, **kwargs)


def publish_job(job: str, *arguments: str, hours: int) -> JobOperator:
    """Return a job that writes or reads the serving database."""
    return JobOperator(**_common(job, arguments, hours), pool=PUBLISH_POOL, needs_database=True)


def _common(job: str, arguments: tuple[str, ...], hours: int) -> dict[str, Any]:
    writes = ", ".join(f"`{asset.name}`" for asset in outlets_of(job)) or "nothing new"
    return {
        "task_id": job,
        "job": job,
        "arguments": arguments,
        "execution_timeout": timedelta(hours=hours),
        "doc_md": f"Runs `jobs/{job}.py`. Writes {writes}.",
    }
