import json
from pathlib import Path

import pytest

from stack.credentials import Credentials
from stack.environment import build_environment


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://superuser:secret@db/recs")
    monkeypatch.delenv("RECSYS_DATA", raising=False)
    monkeypatch.delenv("RECSYS_ENV", raising=False)
    return build_environment(
        tmp_path,
        Credentials(admin_password="letmein"),
        ui_port=24_000,
        metadata_url="postgresql://airflow:a@127.0.0.1:23000/airflow",
        loader_url="postgresql://loader:p%40ss@db:5433/recs?sslmode=require",
        reader_url="postgresql://reader:r@db/recs",
    )


def test_tasks_find_airflow_on_its_own_port(environment: dict[str, str]) -> None:
    assert environment["AIRFLOW__API__PORT"] == "24000"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:24000"
    assert (
        environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        == "http://127.0.0.1:24000/execution/"
    )


def test_airflow_keeps_its_own_database_by_its_own_user(environment: dict[str, str]) -> None:
    assert (
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        == "postgresql+psycopg2://airflow:a@127.0.0.1:23000/airflow"
    )


def test_another_airflow_and_a_superuser_stay_outside(environment: dict[str, str]) -> None:
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "RECSYS_DATABASE_URL" not in environment


def test_connections_are_json_with_every_part(environment: dict[str, str]) -> None:
    assert json.loads(environment["AIRFLOW_CONN_SPARK_DEFAULT"]) == {
        "conn_type": "spark",
        "host": "local[2]",
    }
    assert json.loads(environment["AIRFLOW_CONN_RECS_LOADER"]) == {
        "conn_type": "postgres",
        "host": "db",
        "port": 5433,
        "login": "loader",
        "password": "p@ss",
        "schema": "recs",
        "extra": {"sslmode": "require"},
    }
    assert json.loads(environment["AIRFLOW_CONN_RECS_READER"])["port"] is None


def test_everything_is_below_the_state_folder(environment: dict[str, str], tmp_path: Path) -> None:
    assert environment["AIRFLOW_HOME"] == f"{tmp_path}/airflow"
    assert environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] == f"{tmp_path}/logs/tasks"
    assert environment["RECSYS_STATE"] == str(tmp_path)
    assert environment["RECSYS_DATA"] == f"{tmp_path}/data/simulated"
    assert environment["RECSYS_ENV"] == "simulated"


def test_the_processes_keep_their_mark(environment: dict[str, str]) -> None:
    # setproctitle would write over /proc/<pid>/environ.
    assert environment["SPT_NOENV"] == "1"
