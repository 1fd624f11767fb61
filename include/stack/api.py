"""Airflow's REST API, as far as the stack needs it."""

import json
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

import httpx

from recsys.errors import RecsysError

#: States in which a task or a run stays.
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class StackError(RecsysError):
    """Airflow did not do what it was asked; another try may help."""


@dataclass(frozen=True)
class TaskState:
    """One task of a run. `state` None: not scheduled yet; `seconds` None: not started."""

    task_id: str
    state: str | None
    seconds: float | None
    try_number: int


class AirflowApi:
    """A logged-in user of one Airflow.

    Args:
        url: of the API server, without a trailing slash.
        username: one of the simple auth manager's users.
        password: of that user.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self._login = {"username": username, "password": password}

    def health(self) -> dict[str, str]:
        """Return the state of each component, such as {"scheduler": "healthy"}, or {}."""
        try:
            answer = self._client.get("/api/v2/monitor/health", timeout=5)
            answer.raise_for_status()
        except httpx.HTTPError:
            return {}
        return {name: str(part.get("status")) for name, part in answer.json().items()}

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool unless it is there; a user may have changed its slots."""
        body = {"name": name, "slots": slots, "description": description}
        self._call("POST", "/pools", body, fine=(409,))

    def set_variable(self, key: str, value: str) -> None:
        """Set an Airflow Variable."""
        body = {"key": key, "value": value}
        if self._call("PATCH", f"/variables/{key}", body, fine=(404,)) is None:
            self._call("POST", "/variables", body)

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG processor has read the DAG."""
        return self._call("GET", f"/dags/{dag_id}", fine=(404,)) is not None

    def import_errors(self) -> list[str]:
        """Return `file: last line` for each DAG file that cannot be read."""
        errors = self._get("/importErrors")["import_errors"]
        return [f"{e['filename']}: {e['stack_trace'].strip().splitlines()[-1]}" for e in errors]

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run without a logical date, and return its id."""
        run = self._call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        assert run is not None
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return queued, running, success or failed."""
        return str(self._get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the run's tasks, each after those it waits for."""
        found = self._get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")
        states = {t["task_id"]: _task_state(t) for t in found["task_instances"]}
        return [states[task_id] for task_id in self._order(dag_id) if task_id in states]

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned, or None."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        entry = self._call("GET", path, fine=(404,))
        value = entry and entry["value"]
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value

    def _order(self, dag_id: str) -> list[str]:
        tasks = self._get(f"/dags/{dag_id}/tasks")["tasks"]
        graph: dict[str, set[str]] = {t["task_id"]: set() for t in tasks}
        for task in tasks:
            for downstream in task["downstream_task_ids"]:
                graph[downstream].add(task["task_id"])
        return list(TopologicalSorter(graph).static_order())

    def _get(self, path: str) -> dict[str, Any]:
        found = self._call("GET", path)
        assert found is not None
        return found

    def _call(
        self, method: str, path: str, body: object = None, *, fine: tuple[int, ...] = ()
    ) -> dict[str, Any] | None:
        """Return the answer's body; None for a status in `fine`. Logs in when it must."""
        answer = self._send(method, path, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, path, body)
        if answer.status_code in fine:
            return None
        if answer.is_error:
            raise StackError(
                f"Airflow refused {method} {path} ({answer.status_code}): {answer.text[:300]}"
            )
        return dict(answer.json())

    def _send(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            return self._client.request(method, f"/api/v2{path}", json=body)
        except httpx.HTTPError as error:
            raise StackError(
                f"Airflow does not answer at {self._client.base_url}: {error}"
            ) from error

    def _log_in(self) -> None:
        answer = self._client.post("/auth/token", json=self._login)
        if answer.is_error:
            raise StackError(f"Airflow refused the login of {self._login['username']}")
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _task_state(task: dict[str, Any]) -> TaskState:
    seconds = task["duration"]
    if seconds is None and task["start_date"]:
        started = datetime.fromisoformat(task["start_date"])
        seconds = (datetime.now(started.tzinfo) - started).total_seconds()
    return TaskState(task["task_id"], task["state"], seconds, task["try_number"])
