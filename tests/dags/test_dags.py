"""What every DAG must be, and what each of them is made of."""

import ast
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

SPARK = {"clean_transactions", "build_features", "build_examples"}
TENSORFLOW = {
    "embed_images", "train_models", "evaluate", "generate_candidates", "rank_candidates",
    "find_similar_articles",
}  # fmt: skip
TABLES = {"clean_catalogue", "check_cleaned", "check_features"}
DATABASE = {
    "evaluate", "promote_model", "choose_model", "generate_candidates", "publish_recommendations",
    "check_recommendations",
}  # fmt: skip

REFRESH = {
    "refresh.build_features": {"refresh.check_features"},
    "refresh.check_features": {"refresh.generate_candidates"},
    "refresh.generate_candidates": {"refresh.rank_candidates", "refresh.find_similar_articles"},
    "refresh.rank_candidates": {"refresh.publish_recommendations"},
    "refresh.find_similar_articles": {"refresh.publish_recommendations"},
    "refresh.publish_recommendations": {"refresh.check_recommendations"},
    "refresh.check_recommendations": set(),
}
TRAIN = {
    "train.build_features": {"train.build_examples"},
    "train.build_examples": {"train.train_models"},
    "train.train_models": {"train.evaluate"},
    "train.evaluate": {"train.promote_model"},
    "train.promote_model": set(),
}
GRAPHS: dict[str, dict[str, set[str]]] = {
    "nightly_refresh": {
        "resolve_run": {"clean.clean_catalogue", "choose_model"},
        "choose_model": {"refresh.generate_candidates"},
        "clean.clean_catalogue": {"clean.clean_transactions"},
        "clean.clean_transactions": {"clean.check_cleaned"},
        "clean.check_cleaned": {"refresh.build_features"},
        **REFRESH,
    },
    "embed_images": {"resolve_run": {"images.embed_images"}, "images.embed_images": set()},
    "train_models": {
        "resolve_run": {"clean.clean_catalogue"},
        "clean.clean_catalogue": {"clean.clean_transactions"},
        "clean.clean_transactions": {"clean.check_cleaned"},
        "clean.check_cleaned": {"train.build_features"},
        **TRAIN,
    },
    "full_refresh": {
        "resolve_run": {"clean.clean_catalogue"},
        "clean.clean_catalogue": {"clean.clean_transactions", "images.embed_images"},
        "clean.clean_transactions": {"clean.check_cleaned"},
        "clean.check_cleaned": {"train.build_features", "refresh.build_features"},
        "images.embed_images": {"train.train_models"},
        **TRAIN,
        "train.promote_model": {"refresh.generate_candidates"},
        **REFRESH,
    },
}
#: schedule, paused upon creation
SCHEDULES = {
    "nightly_refresh": ("0 2 * * *", True),
    "embed_images": ("0 4 * * *", True),
    "train_models": ("0 6 * * 0", True),
    "full_refresh": (None, False),
}
ALL_DAGS = pytest.mark.parametrize("dag_id", list(GRAPHS))


def jobs_of(dag: Any) -> list[Any]:
    """A DAG's tasks that run a job: all but the first."""
    return [task for task in dag.tasks if task.task_id != "resolve_run"]


def test_every_file_parses(dagbag: Any) -> None:
    assert dagbag.import_errors == {}


def test_the_dags_are_these(dagbag: Any) -> None:
    assert sorted(dagbag.dags) == sorted(GRAPHS), (
        "a DAG was added or removed: extend GRAPHS, SCHEDULES and PARAMS in this file"
    )


@ALL_DAGS
def test_the_graph(dagbag: Any, dag_id: str) -> None:
    graph = {task.task_id: task.downstream_task_ids for task in dagbag.dags[dag_id].tasks}
    assert graph == GRAPHS[dag_id]


@ALL_DAGS
def test_the_dag_id_is_the_file_s_stem_and_the_task_id_the_job_s(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    assert Path(dag.fileloc).stem == dag_id
    assert [task.task_id.rpartition(".")[2] for task in jobs_of(dag)] == [
        task.job for task in jobs_of(dag)
    ]


@ALL_DAGS
def test_every_job_is_a_file(dagbag: Any, dag_id: str, repository: Path) -> None:
    missing = [
        task.job
        for task in jobs_of(dagbag.dags[dag_id])
        if not (repository / "jobs" / f"{task.job}.py").is_file()
    ]
    assert missing == []


@ALL_DAGS
def test_when_it_runs(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    expression = getattr(dag.timetable, "expression", None) or getattr(
        dag.timetable, "_expression", None
    )
    assert (expression, dag.is_paused_upon_creation) == SCHEDULES[dag_id]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


@ALL_DAGS
def test_the_house_rules_of_a_dag(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    assert "recommendations" in dag.tags, "every DAG carries the tag `recommendations`"
    assert dag.doc_md.startswith("### "), "a DAG's docstring is its page: start it with a title"
    assert dag.description
    longest = max(task.execution_timeout for task in dag.tasks)
    assert longest < dag.dagrun_timeout <= timedelta(days=3)


@ALL_DAGS
def test_the_house_rules_of_a_task(dagbag: Any, dag_id: str) -> None:
    for task in dagbag.dags[dag_id].tasks:
        assert task.owner == "recommendations", task.task_id
        assert (task.retries, task.retry_exponential_backoff) == (2, 2.0), task.task_id
        assert task.retry_delay == timedelta(minutes=1), task.task_id
        assert task.max_retry_delay == timedelta(minutes=30), task.task_id
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=24), task.task_id
        assert task.doc_md, f"{task.task_id} needs a doc_md"
        assert [c.__name__ for c in task.on_failure_callback] == ["report_failure"], task.task_id


@ALL_DAGS
def test_pools_queues_and_operators(dagbag: Any, dag_id: str) -> None:
    for task in jobs_of(dagbag.dags[dag_id]):
        found = (type(task).__name__, task.pool, task.queue)
        if task.job in SPARK:
            assert found == ("SparkJobOperator", "spark", "default"), task.task_id
        elif task.job in TABLES:
            assert found == ("JobOperator", "spark", "default"), task.task_id
        elif task.job in TENSORFLOW:
            assert found == ("JobOperator", "gpu", "gpu"), task.task_id
        else:
            assert found == ("JobOperator", "publish", "default"), task.task_id
        assert getattr(task, "needs_database", False) == (task.job in DATABASE), task.task_id


def test_the_pools_are_made_with_one_slot_each(repository: Path) -> None:
    pools = json.loads((repository / "conf" / "pools.json").read_text())
    assert {name: pool["slots"] for name, pool in pools.items()} == {
        "spark": 1,
        "gpu": 1,
        "publish": 1,
    }


def test_what_each_task_adds_to_the_run_s_arguments(dagbag: Any) -> None:
    trained = "{{ ti.xcom_pull(task_ids='train.train_models')['facts']['model_version'] }}"
    added = {t.task_id: t.arguments for t in jobs_of(dagbag.dags["full_refresh"]) if t.arguments}
    assert added == {
        "train.build_features": ["--training"],
        "train.evaluate": ["--model-version", trained],
        "train.promote_model": ["--model-version", trained],
    }


def test_every_data_set_is_some_task_s_outlet(dagbag: Any) -> None:
    outlets = {
        task.task_id: sorted(asset.name for asset in task.outlets)
        for task in jobs_of(dagbag.dags["full_refresh"])
    }
    assert outlets == {
        "clean.clean_catalogue": [
            "cleaned.articles", "cleaned.customers", "keys.articles", "keys.customers",
            "rejected.catalogue",
        ],
        "clean.clean_transactions": [
            "cleaned.loads", "cleaned.transactions", "rejected.transactions",
        ],
        "clean.check_cleaned": ["checks.cleaned"],
        "images.embed_images": ["images.embeddings", "rejected.images"],
        "train.build_features": [
            "examples.split", "features.articles", "features.copurchases", "features.customers",
            "features.popularity",
        ],
        "train.build_examples": ["examples.pairs"],
        "train.train_models": ["models.versions"],
        "train.evaluate": ["models.evaluations"],
        "train.promote_model": ["recs.model_versions"],
        "refresh.build_features": [
            "features.articles", "features.copurchases", "features.customers",
            "features.popularity",
        ],
        "refresh.check_features": ["checks.features"],
        "refresh.generate_candidates": ["candidates.ease", "candidates.pairs"],
        "refresh.rank_candidates": ["recommendations.lists", "recommendations.offered"],
        "refresh.find_similar_articles": ["recommendations.similar_articles"],
        "refresh.publish_recommendations": ["recs.recommendations"],
        "refresh.check_recommendations": [],
    }  # fmt: skip


def test_dag_files_are_wiring_only(repository: Path) -> None:
    files = [p for p in (repository / "dags").glob("*.py") if p.name != "__init__.py"]
    assert sorted(p.stem for p in files) == sorted(GRAPHS)
    for path in files:
        tree = ast.parse(path.read_text())
        kinds = {type(node).__name__ for node in ast.walk(tree)}
        assert len(path.read_text().splitlines()) <= 80, path.name
        assert not kinds & {"FunctionDef", "Lambda", "If", "For", "While", "ClassDef"}, path.name
        modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        allowed = {"datetime", "airflow.sdk"}
        assert {m for m in modules if not m.startswith("recsys_airflow.")} <= allowed, path.name


def test_parsing_loads_no_tensorflow_spark_pandas_or_numpy(repository: Path) -> None:
    code = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert len(bag.dags) == 4, bag.import_errors
heavy = ("tensorflow", "keras", "pyspark", "pandas", "numpy", "pyarrow", "sklearn")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    python_path = f"{repository / 'include'}:{repository / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(repository / "dags")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": python_path},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
