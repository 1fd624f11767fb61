"""Arrow tables into Postgres and back by COPY, in bounded memory and without a loop over rows."""

import hashlib
import io
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg2.extensions import cursor as Cursor

READ_BYTES = 1 << 20


class CsvStream:
    """A file to read from: tables one after the other as CSV without a header.

    A missing value is an empty field, an empty text a quoted one, as COPY wants them. `sha256`
    is that of everything read so far.
    """

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self._texts = self._encode(tables)
        self._buffer = b""
        self.sha256 = hashlib.sha256()
        self.rows = 0

    def read(self, size: int = READ_BYTES) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while not self._buffer:
            text = next(self._texts, None)
            if text is None:
                return b""
            self.sha256.update(text)
            self._buffer = text
        chunk, self._buffer = self._buffer[:size], self._buffer[size:]
        return chunk

    def readline(self, size: int = READ_BYTES) -> bytes:
        """Return what `read` does: COPY asks for no lines, but psycopg2 for the method."""
        return self.read(size)

    def _encode(self, tables: Iterable[pa.Table]) -> Iterator[bytes]:
        options = pyarrow.csv.WriteOptions(include_header=False)
        for table in tables:
            self.rows += table.num_rows
            for batch in table.to_batches(max_chunksize=20_000):
                sink = io.BytesIO()
                pyarrow.csv.write_csv(batch, sink, options)
                yield sink.getvalue()


def copy_in(cursor: Cursor, table: str, columns: Iterable[str], tables: Iterable[pa.Table]) -> str:
    """Fill a table that this transaction made, and return the sha256 of the rows sent."""
    stream = CsvStream(tables)
    cursor.copy_expert(
        f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv, FREEZE)",
        stream,
        size=READ_BYTES,
    )
    return stream.sha256.hexdigest()


def array_texts(values: npt.NDArray[np.generic]) -> pa.Array:
    """Return each row of [n, k] numbers as a Postgres array literal.

    >>> array_texts(np.array([[1, 2], [3, 4]])).to_pylist()
    ['{1,2}', '{3,4}']
    """
    n, k = values.shape
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * k)
    return list_texts(pa.ListArray.from_arrays(offsets, pa.array(values.ravel())))


def list_texts(lists: pa.ListArray) -> pa.Array:
    """Return lists of numbers as Postgres array literals; a missing list is an empty one."""
    texts = pc.cast(lists.flatten(), pa.string())
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    offsets = pa.array(np.r_[0, np.cumsum(lengths)].astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")
    return pc.binary_join_element_wise("{", joined, "}", "")
