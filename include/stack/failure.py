"""Why a run failed: the first failed task, its own words, and where its log is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stack.api import TaskState


def explain_failure(logs: Path, dag_id: str, run_id: str, tasks: Sequence[TaskState]) -> str:
    """Return one sentence about a failed run.

    Args:
        logs: Airflow's base log folder.
        dag_id: the run's DAG.
        run_id: the run.
        tasks: its tasks, each after those it waits for.
    """
    failed = next((task for task in tasks if task.state == "failed"), None)
    if failed is None:
        return f"{dag_id} failed without a failed task: look at run {run_id} in the UI"
    log = log_file(logs, dag_id, run_id, failed)
    return f"{failed.task_id} failed: {last_words(log)} (log: {log})"


def log_file(logs: Path, dag_id: str, run_id: str, task: TaskState) -> Path:
    """Return the log of a task's last try."""
    folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task.task_id}"
    return folder / f"attempt={task.try_number}.log"


def last_words(log: Path) -> str:
    """Return the error that ended a task, else its last line.

    An exception's message comes first: the operators put the error of the job's report there.
    """
    if not log.is_file():
        return "it left no log"
    entries = [_entry(line) for line in log.read_text(errors="replace").splitlines() if line]
    details = [detail for entry in entries for detail in entry.get("error_detail") or []]
    if details:
        return str(details[-1].get("exc_value") or details[-1].get("exc_type"))
    errors = [entry for entry in entries if entry.get("level") in ("error", "critical")]
    return str((errors or entries or [{"event": "its log is empty"}])[-1].get("event"))


def _entry(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"event": line}
