"""Connections become what the jobs want, secrets percent-encoded and never on a command line."""

import psycopg2.extensions
import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException

from recsys_airflow.connections import database_url, serving_environment


def test_every_part_is_percent_encoded() -> None:
    connection = Connection(
        conn_id="recs_loader",
        conn_type="postgres",
        host="db.example",
        port=5433,
        login="loader@hm",
        password="p@ss/w:rd %#?",
        schema="h&m",
        extra='{"sslmode": "require"}',
    )
    url = database_url(connection)
    assert url == (
        "postgresql://loader%40hm:p%40ss%2Fw%3Ard%20%25%23%3F@db.example:5433/h%26m?sslmode=require"
    )
    assert psycopg2.extensions.parse_dsn(url) == {
        "user": "loader@hm",
        "password": "p@ss/w:rd %#?",
        "host": "db.example",
        "port": "5433",
        "dbname": "h&m",
        "sslmode": "require",
    }


def test_a_connection_may_leave_nearly_everything_out() -> None:
    connection = Connection(conn_id="c", conn_type="postgres", host="localhost")
    assert database_url(connection) == "postgresql://localhost"


def test_the_connection_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://by-hand/x")
    monkeypatch.setenv("AIRFLOW_CONN_RECS_LOADER", "postgres://a:b@c:5/d")
    assert serving_environment() == {"RECSYS_DATABASE_URL": "postgresql://a:b@c:5/d"}


def test_without_a_connection_the_environment_is_left_to_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_RECS_LOADER", raising=False)
    monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://by-hand/x")
    assert serving_environment() == {}


def test_without_either_the_task_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_RECS_LOADER", raising=False)
    monkeypatch.delenv("RECSYS_DATABASE_URL", raising=False)
    with pytest.raises(AirflowFailException) as raised:
        serving_environment()
    assert str(raised.value) == (
        "there is no connection 'recs_loader', which leads to the serving database:"
        " add it under Admin, Connections, or set AIRFLOW_CONN_RECS_LOADER"
    )
