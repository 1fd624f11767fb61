"""What publishing is held against: a plain COPY of the same rows, an index, lookups by key."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
from psycopg2.extensions import connection as Connection

from recsys.columns import Columns as C
from recsys.serving import tables
from recsys.serving.audit import Audit
from recsys.serving.binary import HEADER, TRAILER, encode
from recsys.serving.lists import read_blocks
from recsys.serving.snapshot import Run, Snapshot
from stack.postgres import binaries

#: The lists as they are, and a row a rank with integer keys; each with what makes a lookup quick.
ARRAYS = """CREATE TABLE bench.arrays (LIKE recs_data.lists);
ALTER TABLE bench.arrays ALTER run_id SET DEFAULT 1"""
RANKS = """CREATE TABLE bench.ranks (customer_key integer NOT NULL, rank smallint NOT NULL,
    article_key integer NOT NULL, score real NOT NULL, reason smallint NOT NULL)"""
CUSTOMERS = """CREATE TABLE bench.customers (
    customer_key integer NOT NULL, customer_id text COLLATE "C" NOT NULL)"""
#: The view recs.recommendations, over rows.
RANKS_VIEW = """CREATE OR REPLACE VIEW bench.recommendations AS
SELECT c.customer_id, r.rank::integer AS rank, a.article_id, r.score,
    run.reasons[r.reason] AS reason, run.run_date, run.model_version
FROM recs_data.active_run AS run
CROSS JOIN bench.customers AS c
JOIN bench.ranks AS r USING (customer_key)
JOIN recs_data.articles AS a USING (article_key)
WHERE a.run_id = (SELECT run_id FROM recs_data.active_run)"""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Yield a connection in autocommit mode and close it."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def write_streams(snapshot: Snapshot, run: Run, folder: Path) -> None:
    """Write the rows of both layouts as files that COPY reads."""
    reasons: list[str] = []
    rows = tables.list_rows(snapshot, Audit(snapshot, run), reasons)
    _write(folder / "arrays", rows)
    _write(folder / "ranks", _rank_rows(snapshot, run, reasons))
    _write(folder / "customers", [snapshot.customers.select([C.CUSTOMER_KEY, C.CUSTOMER_ID])])


def load(
    connection: Connection, file: Path, *, columns: Iterable[str], create: str, keys: str
) -> dict[str, Any]:
    """Fill a table anew in one transaction; return the seconds of COPY and index, and bytes."""
    table = f"bench.{file.name}"
    with connection.cursor() as cursor, file.open("rb") as rows:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS bench; DROP TABLE IF EXISTS {table} CASCADE")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("BEGIN; " + create)
        started = time.monotonic()
        copy = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT binary, FREEZE)"
        cursor.copy_expert(copy, rows, size=1 << 20)
        copied = time.monotonic()
        cursor.execute(f"CREATE UNIQUE INDEX ON {table} ({keys})")
        cursor.execute("COMMIT")
        ended = time.monotonic()
        cursor.execute(f"SELECT pg_total_relation_size('{table}')")
        found = cursor.fetchone()
    assert found is not None
    return {
        "copy_s": round(copied - started, 2),
        "index_s": round(ended - copied, 2),
        "bytes": found[0],
    }


def load_arrays(connection: Connection, folder: Path) -> dict[str, Any]:
    """Fill a table of arrays, a row a customer."""
    file = folder / "arrays"
    return load(connection, file, columns=tables.LISTS, create=ARRAYS, keys="customer_id")


def load_ranks(connection: Connection, folder: Path) -> dict[str, Any]:
    """Fill a table of ranks and that of the customers' ids; seconds and bytes are of both."""
    columns = (C.CUSTOMER_KEY, C.RANK, C.ARTICLE_KEY, C.SCORE, C.REASON)
    file = folder / "ranks"
    ranks = load(connection, file, columns=columns, create=RANKS, keys="customer_key, rank")
    ids, file = (C.CUSTOMER_KEY, C.CUSTOMER_ID), folder / "customers"
    customers = load(connection, file, columns=ids, create=CUSTOMERS, keys="customer_id")
    with connection.cursor() as cursor:
        cursor.execute(RANKS_VIEW + "; ANALYZE bench.ranks; ANALYZE bench.customers")
    return {name: round(value + customers[name], 2) for name, value in ranks.items()}


def lookup_us(url: str, query: str, ids: Sequence[str], folder: Path) -> float:
    """Return the mean microseconds of a prepared query for one customer, `:id`, by pgbench."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.asked")
        cursor.execute(
            "CREATE TABLE bench.asked AS SELECT row_number() OVER ()::int AS number, id"
            " FROM unnest(%s::text[]) AS id; ALTER TABLE bench.asked ADD PRIMARY KEY (number)",
            (list(ids),),
        )
    script = folder / "lookup.sql"
    script.write_text(
        f"\\set number random(1, {len(ids)})\n"
        "SELECT id FROM bench.asked WHERE number = :number \\gset\n"
        f"{query};\n"
    )
    # A report of each statement: the draw of an id is not part of the lookup.
    flags = ["-n", "-M", "prepared", "-T", "4", "--report-per-command", "-f", str(script)]
    command = [str(binaries() / "pgbench"), *flags, url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in said.splitlines() if line.endswith(f"{query};"))
    return round(float(line.split()[0]) * 1000, 1)


def some_customers(url: str, table: str, number: int = 500) -> list[str]:
    """Return ids from all over a table."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id FROM {table} ORDER BY md5(customer_id) LIMIT {number}")
        return [row[0] for row in cursor.fetchall()]


def _rank_rows(snapshot: Snapshot, run: Run, reasons: list[str]) -> Iterable[pa.Table]:
    names = [C.CUSTOMER_KEY, C.RANK, C.ARTICLE_KEY, C.SCORE, C.REASON]
    for block in read_blocks(snapshot.lists, run.k):
        columns = [
            pa.array(block.customers.repeat(run.k)),
            pa.array(block.ranks.ravel().astype("int16")),
            pa.array(block.articles.ravel()),
            pa.array(block.scores.ravel()),
            pa.array(tables.reason_numbers(block.reasons, reasons)),
        ]
        yield pa.table(columns, names=names)


def _write(path: Path, rows: Iterable[pa.Table]) -> None:
    with path.open("wb") as file:
        file.write(HEADER)
        for table in rows:
            for batch in table.to_batches(max_chunksize=100_000):
                file.write(encode(batch))
        file.write(TRAILER)
