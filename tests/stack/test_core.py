import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest

from stack.core import Stack

pytestmark = [pytest.mark.airflow, pytest.mark.postgres]

#: A machine that runs other tests besides is slow to start Airflow.
PATIENCE_S = 400


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state")
    yield stack
    stack.down()


@pytest.mark.timeout(900)
def test_comes_up_heals_and_goes_down_without_a_trace(stack: Stack) -> None:
    assert stack.status().is_down
    stack.up(timeout_s=PATIENCE_S)
    assert stack.status().is_up
    assert {s: p is not None for s, p in stack.status().services.items()} == {
        "postgres": True,
        "api-server": True,
        "scheduler": True,
        "dag-processor": True,
        "triggerer": True,
    }
    _airflow_wants_the_generated_password(stack)
    _airflow_has_its_pools(stack)
    _readers_read_and_do_not_write(stack)

    before = stack.status().services
    os.kill(before["scheduler"] or 0, signal.SIGKILL)
    stack.up(timeout_s=PATIENCE_S)
    after = stack.status().services
    assert after["scheduler"] not in (None, before["scheduler"])
    assert after["api-server"] == before["api-server"]

    ours = stack.airflow.processes.all()
    stack.down()
    assert stack.status().is_down
    assert [process for process in ours if _runs(process)] == []
    assert stack.postgres.pid is None


def _runs(process: psutil.Process) -> bool:
    """Whether a process lives; one that its parent has yet to reap does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _airflow_wants_the_generated_password(stack: Stack) -> None:
    login = {"username": "admin", "password": stack.credentials.admin_password}
    url = stack.airflow.url
    assert httpx.get(f"{url}/api/v2/dags").status_code == 401
    assert httpx.post(f"{url}/auth/token", json=login).status_code == 201
    wrong = login | {"password": "admin"}
    assert httpx.post(f"{url}/auth/token", json=wrong).status_code == 401


def _airflow_has_its_pools(stack: Stack) -> None:
    pools = stack.airflow.api._get("/pools")["pools"]
    slots = {pool["name"]: pool["slots"] for pool in pools if pool["name"] != "default_pool"}
    assert slots == {"gpu": 1, "spark": 1, "publish": 1}


def _readers_read_and_do_not_write(stack: Stack) -> None:
    connection = psycopg2.connect(stack.reader_url)
    with connection.cursor() as cursor:
        cursor.execute("select count(*), bool_and(is_late) from recs.freshness")
        assert cursor.fetchone() == (1, True)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("create table recs.mine (n int)")
    connection.close()
