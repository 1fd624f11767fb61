from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.api import StackError, TaskState
from stack.credentials import Credentials
from stack.services import Airflow

TASKS = [TaskState("clean", "running", 1.0, 1)]


class Api:
    """An API that gives prepared answers, one a question; an exception is raised."""

    def __init__(
        self, *states: str | Exception, known: bool = True, errors: tuple[str, ...] = ()
    ) -> None:
        self.states: Iterator[str | Exception] = iter(states)
        self.known = known
        self.errors = list(errors)
        self.asked: list[object] = []

    def run_state(self, dag_id: str, run_id: str) -> str:
        state = next(self.states)
        if isinstance(state, Exception):
            raise state
        return state

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        return TASKS

    def knows(self, dag_id: str) -> bool:
        return self.known

    def import_errors(self) -> list[str]:
        return self.errors

    def unpause(self, dag_id: str) -> None:
        self.asked.append(("unpause", dag_id))

    def trigger(self, dag_id: str, conf: dict[str, object]) -> str:
        self.asked.append(("trigger", dag_id, conf))
        return "manual__1"


def airflow(state: Path, api: Api, *, running: bool = True) -> Airflow:
    services = Airflow(state, Credentials())
    services.__dict__["api"] = api
    services.processes.pid = lambda service: 1 if running else None  # type: ignore[method-assign]
    return services


def test_follows_a_run_to_its_end(tmp_path: Path) -> None:
    seen: list[list[TaskState]] = []
    services = airflow(tmp_path, Api("queued", "running", "success"))
    assert services.wait("d", "r", seen.append, every_s=0) == "success"
    assert seen == [TASKS, TASKS, TASKS]


def test_a_few_unanswered_questions_do_not_end_the_watch(tmp_path: Path) -> None:
    silence = StackError("Airflow does not answer")
    services = airflow(tmp_path, Api("running", *[silence] * 4, "running", silence, "failed"))
    assert services.wait("d", "r", every_s=0) == "failed"
    services = airflow(tmp_path, Api(*[silence] * 5))
    with pytest.raises(StackError, match="does not answer"):
        services.wait("d", "r", every_s=0)


def test_a_service_that_died_ends_the_watch(tmp_path: Path) -> None:
    services = airflow(tmp_path, Api("running"), running=False)
    with pytest.raises(StackError) as error:
        services.wait("d", "r", every_s=0)
    assert str(error.value) == (
        f"Airflow's api-server stopped by itself: see {tmp_path}/logs/api-server.log"
    )


def test_a_run_that_takes_too_long_is_said(tmp_path: Path) -> None:
    services = airflow(tmp_path, Api(*["running"] * 1000))
    with pytest.raises(StackError, match="d is still running after 0 s"):
        services.wait("d", "r", timeout_s=0.05, every_s=0.01)


def test_a_dag_is_switched_on_before_it_is_triggered(tmp_path: Path) -> None:
    api = Api()
    assert airflow(tmp_path, api).trigger("full_refresh", {"k": 3}) == "manual__1"
    assert api.asked == [("unpause", "full_refresh"), ("trigger", "full_refresh", {"k": 3})]


def test_a_dag_that_cannot_be_read_is_said_with_its_error(tmp_path: Path) -> None:
    api = Api(known=False, errors=("full_refresh.py: NameError: name 'x' is not defined",))
    with pytest.raises(StackError) as error:
        airflow(tmp_path, api).trigger("full_refresh", {})
    assert str(error.value) == (
        "Airflow cannot read the DAG full_refresh:"
        " full_refresh.py: NameError: name 'x' is not defined"
    )
    with pytest.raises(StackError, match="nothing after 0 s"):
        airflow(tmp_path, Api(known=False)).trigger("full_refresh", {}, timeout_s=0)
