"""Arrow tables into Postgres by binary COPY, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor
from xxhash import xxh3_128

from recsys.serving.binary import HEADER, TRAILER, encode
from recsys.threads import in_threads_ahead

Bytes = bytes | memoryview

READ_BYTES = 1 << 20
#: Rows encoded at a time: some megabytes of lists, so that batches take each other's place in
#: memory and in a processor's cache. A batch must stay below 2 GiB.
BATCH_ROWS = 1 << 13
#: Batches that may wait for Postgres.
AHEAD = 8


@dataclass(frozen=True)
class Copied:
    """What Postgres took."""

    rows: int
    #: XXH3, 128 bits, of the rows as they were sent.
    digest: str


class RowStream:
    """A file to read from: tables one after the other as COPY's binary format.

    The tables are made, and encoded, on a thread of their own, some batches ahead of the reader.
    `digest` is of everything, once all was read. What the making of a table raises is in
    `error`: psycopg2 tells the server, and forgets its kind.
    """

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self.digest = xxh3_128()
        self._parts = _ahead(_digested(_encode(tables), self.digest))
        self._rest = memoryview(b"")
        self.error: Exception | None = None

    def read(self, size: int = READ_BYTES) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if not self._rest:
            try:
                self._rest = memoryview(next(self._parts, b""))
            except Exception as error:
                self.error = error
                raise
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return bytes(chunk)

    def readline(self, size: int = READ_BYTES) -> bytes:
        """Return what `read` does: COPY asks for no lines, but psycopg2 for the method."""
        return self.read(size)


def copy_in(
    cursor: Cursor, table: str, columns: Iterable[str], tables: Iterable[pa.Table]
) -> Copied:
    """Fill a table that this transaction made; types of columns must be those of `tables`.

    Raises:
        Exception: whatever the making of `tables` raises.
        psycopg2.Error: Postgres refused, or is gone.
    """
    stream = RowStream(tables)
    copy = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT binary, FREEZE)"
    try:
        cursor.copy_expert(copy, stream, size=READ_BYTES)
    except Exception as error:
        raise stream.error or error from None
    return Copied(cursor.rowcount, stream.digest.hexdigest())


def _encode(tables: Iterable[pa.Table]) -> Iterator[Bytes]:
    yield HEADER
    for table in tables:
        for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            yield encode(batch)
    yield TRAILER


def _digested(parts: Iterator[Bytes], digest: xxh3_128) -> Iterator[Bytes]:
    # No method: a stream that its own thread holds on to would end there, and wait for itself.
    for part in parts:
        digest.update(part)
        yield part


def _ahead(items: Iterator[Bytes]) -> Iterator[Bytes]:
    """Yield the items, the next ones of which are made meanwhile on another thread."""
    made = in_threads_ahead(lambda _: next(items, None), repeat(None), workers=1, ahead=AHEAD)
    for item in made:
        if item is None:
            return
        yield item
