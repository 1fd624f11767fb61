"""Airflow in a throw-away home, a toy job that can misbehave, and a context to run it in."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
_home = tempfile.TemporaryDirectory(prefix="airflow-home-")

# Airflow reads its configuration when it is imported: nothing here may come after that.
if "airflow" not in sys.modules:
    os.environ["AIRFLOW_HOME"] = _home.name
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(REPOSITORY / "dags")
    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")

TOY = '''
"""A job that does as `--do` says."""

import os
import subprocess
import sys
import time
from pathlib import Path

from recsys.errors import DataError
from recsys.job import run_job


def build(job):
    print(f"toy does {job.args.do}", file=sys.stderr)
    if job.args.do == "good":
        job.facts["model_version"] = "v7"
        job.facts["database"] = os.environ.get("RECSYS_DATABASE_URL")
        job.facts["cwd"] = os.getcwd()
    if job.args.do == "spark":
        from recsys.spark import build_session

        session = build_session(job.config, "toy", rows=0)
        rows = session.sparkContext.parallelize([1, 2, 3], 2).map(lambda n: n * n).sum()
        job.facts.update(
            sum=rows, master=session.sparkContext.master,
            memory=session.conf.get("spark.driver.memory"), python=sys.executable,
        )
        session.stop()
    if job.args.do == "bad":
        raise DataError(["a.csv: no column price", "b.csv: empty"])
    if job.args.do == "crash":
        raise RuntimeError("the disk is on fire")
    if job.args.do == "silent":
        os._exit(0)
    if job.args.do == "stray":
        subprocess.Popen(["sleep", "600"])
        os._exit(1)
    if job.args.do == "hang":
        child = subprocess.Popen(["sleep", "600"])
        Path(job.args.pids).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)


def add_arguments(parser):
    parser.add_argument("--do")
    parser.add_argument("--pids")


if __name__ == "__main__":
    sys.exit(
        run_job(build, None, name="toy", description=__doc__, add_arguments=add_arguments)
    )
'''


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    """What `resolve_run` would say about a run on a temporary lake."""
    return {
        "run_date": "2020-09-23",
        "data": str(tmp_path / "data"),
        "env": "test",
        "lake": str(tmp_path / "lake"),
        "settings": {},
        "force": False,
    }


@pytest.fixture
def toy(tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that makes a task of an operator class which runs the toy job."""
    from recsys_airflow import operators

    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(operators, "job_path", lambda job: str(tmp_path / f"{job}.py"))
    monkeypatch.setattr(operators, "outlets_of", lambda job: [])

    def make(operator: type, do: str, *more: str, **kwargs: Any) -> Any:
        arguments = ["--do", do, *more]
        return operator(
            task_id="toy", job="toy", arguments=arguments, run=json.dumps(run), **kwargs
        )

    return make


@pytest.fixture
def execute() -> Callable[[Any], Any]:
    """Return a function that executes a task as the task runner does."""
    from airflow.sdk.bases.operator import ExecutorSafeguard

    def call(operator: Any) -> Any:
        token = ExecutorSafeguard.tracker.set(operator)
        try:
            return operator.execute({"run_id": "manual__2020-09-23T02:00:00+00:00"})
        finally:
            ExecutorSafeguard.tracker.reset(token)

    return call
