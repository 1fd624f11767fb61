"""Fixtures shared by every test: one Spark session, a configuration, an empty lake."""

import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from pyspark.sql import SparkSession
from tests.s3 import s3, s3_server, strict

from recsys.config import Config, load_config
from recsys.schemas import RAW_ARTICLES
from recsys.storage import Lake
from stack.postgres import Postgres

__all__ = ["s3", "s3_server", "strict"]

# Py4J says goodbye when the interpreter ends, after pytest has closed its streams.
logging.getLogger("py4j").setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Undo what a job did to the root logger: its handler writes to a stream that a test closed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one Spark session of the test run: two threads, two shuffle partitions."""
    from recsys.spark import build_session

    state = tmp_path_factory.mktemp("spark")
    session = build_session(
        load_config("test", [f"state={state}", "spark.master=local[2]"]), "recsys-tests", rows=0
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


class RawFolder:
    """A tiny folder in the Kaggle layout: three articles, two customers, four transactions."""

    ANNA, BERTA = "a" * 64, "b" * 64
    STRAP, BRA, TIGHTS = "0108775015", "0110065001", "0111565001"

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write("articles.csv", ",".join(RAW_ARTICLES), *map(self.article, self.articles))
        self.write(
            "customers.csv",
            "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code",
            f"{self.ANNA},,,ACTIVE,NONE,49,{'5' * 64}",
            f"{self.BERTA},1.0,1.0,PRE-CREATE,Regularly,,{'6' * 64}",
        )
        self.write(
            "transactions_train.csv",
            "t_dat,customer_id,article_id,price,sales_channel_id",
            f"2020-09-21,{self.ANNA},{self.STRAP},0.0508,2",
            f"2020-09-21,{self.ANNA},{self.STRAP},0.0508,2",
            f"2020-09-22,{self.ANNA},{self.BRA},0.0305,1",
            f"2020-09-22,{self.BERTA},{self.TIGHTS},0,2",
        )

    @property
    def articles(self) -> list[str]:
        return [self.STRAP, self.BRA, self.TIGHTS]

    def article(self, article_id: str) -> str:
        """Return a line of articles.csv, its description with commas and quotes."""
        middle = "Vest,253,Vest top,Garment Upper body,1010016,Solid,9,Black,4,Dark,5,Black,1676,"
        middle += "Jersey Basic,A,Ladieswear,1,Ladieswear,16,Womens Everyday,1002,Jersey Basic"
        return f'{article_id},{article_id[:7]},{middle},"Top, called ""strap"""'

    def write(self, name: str, *lines: str | bytes, end: bytes = b"\n", start: bytes = b"") -> None:
        """Replace a file by a start, such as a byte order mark, and lines with their ends."""
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (self.path / name).write_bytes(start + b"".join(line + end for line in raw))

    def add(self, name: str, *lines: str | bytes) -> None:
        """Append lines to a file."""
        self.write(name, *(self.path / name).read_bytes().splitlines(), *lines)

    def lines(self, name: str) -> list[str]:
        """Return a file's lines, the header first."""
        return (self.path / name).read_text().splitlines()


@pytest.fixture
def raw_folder(config: Config) -> RawFolder:
    """A tiny, faultless raw folder where the configuration's data are."""
    return RawFolder(Path(config.data))
