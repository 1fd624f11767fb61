"""The result of a query by COPY: into a file, or as Arrow batches while it arrives."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import psycopg2
import pyarrow as pa
import pyarrow.csv
from psycopg2.extensions import connection as Connection

#: Bytes of CSV that become one batch; a batch must hold the longest row.
BLOCK_BYTES = 1 << 25


def copy_to(connection: Connection, query: str, file: BinaryIO, *, header: bool = True) -> None:
    """Write a query's rows as CSV; `query` is SQL of our own, never a user's text."""
    with connection.cursor() as cursor:
        copy = f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER {str(header).lower()})"
        cursor.copy_expert(copy, file, size=1 << 20)


def read_batches(
    connection: Connection, query: str, schema: pa.Schema, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield a query's rows in batches, in bounded memory, while Postgres sends them.

    Raises:
        psycopg2.Error: the query failed, before or after some batches.
    """
    read_end, write_end = os.pipe()
    failures: list[psycopg2.Error] = []

    def send() -> None:
        try:
            # A reader that stops early closes the pipe: then there is nobody to tell.
            with os.fdopen(write_end, "wb") as file:
                copy_to(connection, query, file)
        except psycopg2.Error as error:
            failures.append(error)
        except BrokenPipeError:
            pass

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        with os.fdopen(read_end, "rb") as file:
            yield from _parse(file, schema, block_bytes)
    except pa.ArrowInvalid:
        sender.join()
        if not failures:
            raise
    finally:
        sender.join()
    if failures:
        raise failures[0]


def _parse(file: BinaryIO, schema: pa.Schema, block_bytes: int) -> Iterator[pa.RecordBatch]:
    types = {field.name: field.type for field in schema}
    yield from pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(block_size=block_bytes),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    )


def replace_when_done(path: Path) -> Path:
    """Return a neighbour of `path` to write to first, so that nobody finds half a file."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")
