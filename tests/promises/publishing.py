"""Two small lakes with other rows, a server of one's own, and publishers that can be killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.publish.bare import connected
from benchmarks.publish.world import Size, make_lake, make_run

from recsys.config import REPOSITORY, PublishConfig
from recsys.errors import RecsysError
from recsys.serving.migrate import migrate
from recsys.serving.publish import Outcome, publish
from recsys.serving.snapshot import Snapshot
from recsys.storage import Lake
from stack.postgres import Postgres

SIZE = Size(customers=20_000, articles=600, purchases=30_000, days=3, k=4)
#: All that a reader sees, as one line: every list, and names and prices by join.
DIGEST = """SELECT r.model_version, count(*), md5(string_agg(concat_ws('|', r.customer_id, r.rank,
    r.article_id, r.score, r.reason, a.prod_name, a.mean_price), ',' ORDER BY customer_id, rank))
FROM recs.recommendations AS r JOIN recs.articles AS a USING (article_id) GROUP BY 1"""
#: Tables of runs that the ledger does not know as loaded.
LEFTOVERS = """SELECT relname FROM pg_class
WHERE relkind = 'r' AND relname ~ '^(lists|articles|popular)_[0-9]'
    AND split_part(relname, '_', 2)::integer NOT IN
        (SELECT run_id FROM recs.runs WHERE state IN ('ready', 'active', 'superseded'))"""
#: What a publisher of its own runs: it says `ready`, waits for a line, and publishes; where it is
#: told to pause, it says `copying` after the first rows and waits for another line.
SCRIPT = """
import sys
from recsys.errors import RecsysError
from recsys.serving import tables
from tests.promises.publishing import open_lake, publish_to
url, folder, name, pause = sys.argv[1:]
healthy = tables.list_rows
def halting(*arguments):
    for table in healthy(*arguments):
        yield table.slice(0, 10_000)
        if pause == "pause":
            print("copying", flush=True)
            sys.stdin.readline()
        yield table.slice(10_000)
tables.list_rows = halting
print("ready", flush=True)
sys.stdin.readline()
try:
    publish_to(url, open_lake(folder), name)
except RecsysError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def open_lake(folder: str) -> Snapshot:
    """Return a lake of `make_lake` that nobody has read yet."""
    return Snapshot(Lake(folder), "2020-09-23")


def publish_to(url: str, snapshot: Snapshot, name: str, **settings: Any) -> Outcome:
    """Publish a lake as the run of that name."""
    fresh = open_lake(snapshot.lake.root)
    config = PublishConfig(**({"lock_timeout_ms": 20_000} | settings))
    return publish(url, fresh, make_run(fresh, SIZE, name), config)


@dataclass(frozen=True)
class Shop:
    """A database with an active run, and another one to publish."""

    server: Postgres
    url: str
    old: Snapshot
    new: Snapshot

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows, in a session of its own."""
        with connected(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def publish_new(self, **settings: Any) -> Outcome:
        return publish_to(self.url, self.new, "2", **settings)

    def seen(self) -> tuple[Any, ...]:
        """Return what readers see, in one line, after the ledger's checksum."""
        (checksum,) = self.ask("SELECT checksum FROM recs.runs WHERE state = 'active'")
        (digest,) = self.ask(DIGEST)
        return (*checksum, *digest)

    def start_publisher(self, *, pause: bool) -> "Publisher":
        """Start a process that publishes the new run; it is ready to when this returns."""
        return Publisher([self.url, self.new.lake.root, "2", "pause" if pause else "go"])


class Publisher:
    """A process that publishes."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            cwd=REPOSITORY, env={"PYTHONPATH": "include:."}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.expect("ready")

    def expect(self, word: str) -> None:
        """Wait for a word."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n", self.process.communicate()[1]

    def go_on(self) -> None:
        """Say that it may."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self, *, kill: bool = False) -> tuple[int, str]:
        """Wait for its end, or make it; return its exit code and what it complained of."""
        if kill:
            self.process.send_signal(signal.SIGKILL)
        complaint = self.process.communicate()[1]
        return self.process.returncode, complaint


def make_shop(server: Postgres, lakes: dict[str, Snapshot]) -> Shop:
    """Return a new database, with the first lake published as the run `1`."""
    name = f"shop_{uuid4().hex[:12]}"
    with connected(server.url()) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    shop = Shop(server, server.url(name), lakes["1"], lakes["2"])
    migrate(shop.url)
    publish_to(shop.url, shop.old, "1")
    return shop


def make_lakes(folder: Path) -> dict[str, Snapshot]:
    """Return two lakes with other rows, by their seeds, which are also the names of their runs."""
    return {str(seed): make_lake(folder / str(seed), SIZE, seed) for seed in (1, 2)}


def fails(call: Callable[[], object]) -> RecsysError:
    """Return the error that a call ends with, which must be one that a person can act on."""
    try:
        call()
    except RecsysError as error:
        return error
    raise AssertionError("it did not fail")
