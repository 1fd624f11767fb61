"""A job is a child process; its report, not its exit code, decides about the task."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from recsys.errors import ConfigError
from recsys_airflow.operators import JobOperator, SparkJobOperator, job_arguments

REPORT = "reports/manual__2020-09-23T02-00-00-00-00/toy.json"
LOCAL_SPARK = json.dumps({"conn_type": "spark", "host": "local[2]"})

Toy = Callable[..., Any]
Execute = Callable[[Any], Any]


def test_the_command_line_says_what_the_run_and_the_task_are() -> None:
    run = {
        "run_date": "2020-09-23",
        "data": "/data/hm",
        "env": "demo",
        "lake": "s3://lake/hm",
        "settings": {"recommendations.k": 20, "recommendations.policy": "none"},
        "force": True,
    }
    assert job_arguments(run, report="reports/r/t.json", arguments=["--training"]) == [
        "--run-date", "2020-09-23", "--data", "/data/hm", "--env", "demo",
        "--lake", "s3://lake/hm", "--report", "reports/r/t.json",
        "--set", "recommendations.k=20", "--set", 'recommendations.policy="none"',
        "--force", "--training",
    ]  # fmt: skip


def test_a_good_job_returns_its_report(toy: Toy, execute: Execute) -> None:
    report = execute(toy(JobOperator, "good"))
    assert (report["job"], report["status"], report["run_date"]) == ("toy", "written", "2020-09-23")
    assert report["facts"]["model_version"] == "v7"
    assert report["facts"]["cwd"] == str(Path(__file__).parents[3])


def test_the_log_has_the_job_s_lines(
    toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recsys_airflow import children

    lines: list[str] = []
    original = children.follow
    monkeypatch.setattr(
        "recsys_airflow.operators.follow", lambda child, log: original(child, lines.append)
    )
    execute(toy(JobOperator, "good"))
    assert "toy does good" in lines


def test_the_database_address_reaches_only_the_jobs_that_need_it(
    toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_RECS_LOADER", "postgres://loader:s%20e@db:5433/hm")
    with_it = execute(toy(JobOperator, "good", needs_database=True))
    without = execute(toy(JobOperator, "good"))
    assert with_it["facts"]["database"] == "postgresql://loader:s%20e@db:5433/hm"
    assert without["facts"]["database"] is None


@pytest.mark.parametrize("operator", [JobOperator, SparkJobOperator])
def test_bad_data_are_not_retried(
    operator: type, toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    with pytest.raises(AirflowFailException) as raised:
        execute(toy(operator, "bad"))
    assert str(raised.value) == "toy: bad data: a.csv: no column price; b.csv: empty"


@pytest.mark.parametrize("operator", [JobOperator, SparkJobOperator])
def test_bad_configuration_is_not_retried(
    operator: type, toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    with pytest.raises(AirflowFailException) as raised:
        execute(toy(operator, "good", "--set", "model.depth=3"))
    assert str(raised.value).startswith("toy: bad configuration: ")
    assert "model.depth" in str(raised.value)


def test_a_crash_is_retried(toy: Toy, execute: Execute) -> None:
    with pytest.raises(AirflowException) as raised:
        execute(toy(JobOperator, "crash"))
    assert not isinstance(raised.value, AirflowFailException)
    assert str(raised.value) == ("toy failed with exit code 1: RuntimeError: the disk is on fire")


@pytest.mark.parametrize("operator", [JobOperator, SparkJobOperator])
def test_exit_code_0_without_a_report_fails(
    operator: type, toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    with pytest.raises(AirflowException) as raised:
        execute(toy(operator, "silent"))
    assert not isinstance(raised.value, AirflowFailException)
    assert str(raised.value) == "toy ended with exit code 0 but left no report"


def test_the_report_of_an_earlier_try_is_not_believed(
    toy: Toy, execute: Execute, run: dict[str, Any]
) -> None:
    execute(toy(JobOperator, "good"))
    assert Path(run["lake"], REPORT).is_file()
    with pytest.raises(AirflowException, match="left no report"):
        execute(toy(JobOperator, "silent"))
    assert not Path(run["lake"], REPORT).exists()


def test_a_job_that_takes_too_long_is_killed_with_all_its_children(
    toy: Toy, execute: Execute, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    task = toy(JobOperator, "hang", "--pids", str(pids))
    with pytest.raises(AirflowTaskTimeout), time_out_when_it_stands(pids):
        execute(task)
    assert _gone([int(pid) for pid in pids.read_text().split()])


def test_a_process_that_a_job_leaves_behind_does_not_hold_the_task(
    toy: Toy, execute: Execute
) -> None:
    started = time.monotonic()  # the process left behind sleeps for 600 s
    with pytest.raises(AirflowException, match="exit code 1"):
        execute(toy(JobOperator, "stray"))
    assert time.monotonic() - started < 300


@pytest.mark.spark
def test_a_spark_job_is_submitted_to_the_connection_s_master(
    toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    report = execute(toy(SparkJobOperator, "spark"))
    assert report["status"] == "written"
    assert report["facts"]["sum"] == 14
    assert report["facts"]["master"] == "local[2]"
    assert report["facts"]["memory"] == "1g"  # conf/test.yaml


@pytest.mark.spark
def test_a_submitted_job_that_takes_too_long_is_killed_with_its_java(
    toy: Toy, execute: Execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    pids = tmp_path / "pids"
    task = toy(SparkJobOperator, "hang", "--pids", str(pids))
    with pytest.raises(AirflowTaskTimeout), time_out_when_it_stands(pids):
        execute(task)
    java = task._hook._submit_sp.pid
    assert _gone([java, *(int(pid) for pid in pids.read_text().split())])


def test_without_its_connection_a_spark_job_does_not_fall_back_to_yarn(
    toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT", raising=False)
    with pytest.raises(AirflowFailException, match="there is no connection 'spark_default'"):
        execute(toy(SparkJobOperator, "spark"))


def test_a_machine_without_java_is_not_tried_again(
    toy: Toy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_java(state: Path) -> Path:
        raise ConfigError("Spark needs Java 17")

    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL_SPARK)
    monkeypatch.setattr("recsys_airflow.operators.ensure_java", no_java)
    with pytest.raises(AirflowFailException) as raised:
        execute(toy(SparkJobOperator, "spark"))
    assert str(raised.value) == "toy: bad configuration: Spark needs Java 17"


@contextmanager
def time_out_when_it_stands(file: Path) -> Iterator[None]:
    """The task runner's time limit, reached just when the job has written its file."""

    def wait() -> None:
        deadline = time.monotonic() + 300
        while not file.is_file() or not file.read_text():
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGALRM)

    watcher = threading.Thread(target=wait, daemon=True)
    with timeout(310):
        watcher.start()
        yield


def _gone(pids: list[int]) -> bool:
    """Whether none of the processes lives ten seconds later (a zombie does not)."""
    deadline = time.monotonic() + 10
    while alive := [pid for pid in pids if _alive(pid)]:
        if time.monotonic() > deadline:
            raise AssertionError(f"still running: {alive}")
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
