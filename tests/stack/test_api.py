import json
from collections.abc import Callable

import httpx
import pytest

from stack.api import AirflowApi, StackError, TaskState

Answer = Callable[[httpx.Request], httpx.Response]


def api(answer: Answer) -> AirflowApi:
    """An API client whose server is a function; it wants the token `good` everywhere."""

    def guarded(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            right = json.loads(request.content) == {"username": "admin", "password": "secret"}
            return httpx.Response(201 if right else 401, json={"access_token": "good"})
        if request.headers.get("Authorization") != "Bearer good":
            return httpx.Response(401)
        return answer(request)

    client = AirflowApi("http://airflow", "admin", "secret")
    client._client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(guarded))
    return client


def test_triggers_without_a_logical_date_after_logging_in() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/api/v2/dags/full_refresh/dagRuns")
        assert json.loads(request.content) == {"logical_date": None, "conf": {"k": 12}}
        return httpx.Response(200, json={"dag_run_id": "manual__1"})

    assert api(answer).trigger("full_refresh", {"k": 12}) == "manual__1"


def test_a_refusal_says_what_was_asked_and_why() -> None:
    client = api(lambda _: httpx.Response(422, text="k is not a number"))
    with pytest.raises(
        StackError, match=r"refused POST /dags/d/dagRuns \(422\): k is not a number"
    ):
        client.trigger("d", {})


def test_a_wrong_password_is_said() -> None:
    client = api(lambda _: httpx.Response(200, json={}))
    client._login["password"] = "guess"
    with pytest.raises(StackError, match="refused the login of admin"):
        client.unpause("d")


def test_nobody_there_is_said() -> None:
    client = AirflowApi("http://127.0.0.1:1", "admin", "secret")
    assert client.health() == {}
    with pytest.raises(StackError, match=r"does not answer at http://127\.0\.0\.1:1"):
        client.unpause("d")


def test_tasks_come_after_those_they_wait_for() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/taskInstances"):
            states = [
                ("publish", None, None),
                ("train", "running", None),
                ("clean", "success", 2.5),
            ]
            return httpx.Response(200, json={"task_instances": [
                {"task_id": t, "state": s, "duration": d, "start_date": None, "try_number": 1}
                for t, s, d in states
            ]})  # fmt: skip
        downstream = {"publish": [], "train": ["publish"], "clean": ["train"]}
        return httpx.Response(200, json={"tasks": [
            {"task_id": t, "downstream_task_ids": d} for t, d in downstream.items()
        ]})  # fmt: skip

    assert api(answer).tasks("full_refresh", "manual__1") == [
        TaskState("clean", "success", 2.5, 1),
        TaskState("train", "running", None, 1),
        TaskState("publish", None, None, 1),
    ]


def test_a_pool_that_is_there_is_left_alone() -> None:
    api(lambda _: httpx.Response(409)).ensure_pool("gpu", 1, "TensorFlow")


def test_a_variable_is_changed_or_else_made() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(404 if request.method == "PATCH" else 201, json={})

    api(answer).set_variable("recsys_data", "/data")
    assert asked == ["PATCH /api/v2/variables/recsys_data", "POST /api/v2/variables"]
