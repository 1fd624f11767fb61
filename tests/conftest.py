"""Fixtures shared by every test: one Spark session, a configuration, an empty lake."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from pyspark.sql import SparkSession

from recsys.config import Config, load_config
from recsys.storage import Lake
from stack.postgres import Postgres


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one Spark session of the test run: two threads, two shuffle partitions."""
    from recsys.spark import build_session

    state = tmp_path_factory.mktemp("spark")
    session = build_session(
        load_config("test", [f"state={state}", "spark.master=local[2]"]), "recsys-tests"
    )
    yield session
    session.stop()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The test configuration, with its data folder and its lake below `tmp_path`."""
    return load_config(
        "test",
        [f"data={tmp_path / 'data'}", f"lake={tmp_path / 'lake'}", f"state={tmp_path / 'state'}"],
    )


@pytest.fixture
def lake(config: Config) -> Lake:
    """An empty lake in a temporary folder."""
    return Lake(config.lake_root)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The one Postgres server of the test run."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The superuser's URL of a new, empty database."""
    name = f"test_{uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres.url())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return postgres.url(name)
