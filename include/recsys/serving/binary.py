"""Arrow record batches in the binary format of COPY, without a loop over rows.

The format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS. A row is the
number of its fields, and then each field as its length in bytes (-1: null) and its bytes, all
big-endian. What is as long in every row of a batch becomes fields of a NumPy structure; all else
becomes pieces, Arrow arrays of bytes with an entry a row; and Arrow joins the pieces of each row.
"""

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

#: Postgres' own numbers of the types that an array may have: bigint, smallint, integer, real.
ELEMENT_OIDS: dict[pa.DataType, int] = {
    pa.int64(): 20, pa.int16(): 21, pa.int32(): 23, pa.float32(): 700,
}  # fmt: skip
ARRAY_HEADER = np.dtype(
    [(name, ">i4") for name in ("bytes", "ndim", "nulls", "oid", "size", "from")]
)


class Even(NamedTuple):
    """What is as long in every row."""

    row: npt.NDArray[Any]  # [], structured: what all rows share, and room for what they do not
    room: tuple[str, ...]  # the field of `row` where that goes
    values: npt.NDArray[Any]  # [n, ...], what goes there


Parts = list[Even | pa.Array]


def encode(batch: pa.RecordBatch) -> memoryview:
    """Return the rows of a batch as COPY reads them, without `HEADER` and `TRAILER`.

    Text, boolean, smallint, integer, real and double columns keep their nulls; of lists, which
    become arrays, a missing one becomes an empty one, and none may hold nulls.

    Raises:
        KeyError: a list holds something else than int16, int32, int64 or float32.
    """
    parts: Parts = [_even(">i2", np.array(batch.num_columns))]
    parts += [part for column in batch.columns for part in _parts(column)]
    pieces: list[pa.Array] = []
    for is_even, neighbours in groupby(parts, lambda part: isinstance(part, Even)):
        group = list(neighbours)
        pieces += [_bytes(_write(group, batch.num_rows))] if is_even else group
    rows = pc.binary_join_element_wise(*pieces, b"") if len(pieces) > 1 else pieces[0]
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[ends[rows.offset] : ends[rows.offset + len(rows)]]


def _parts(column: pa.Array) -> Parts:
    if pa.types.is_list(column.type):
        return _array_parts(column)
    if pa.types.is_string(column.type):
        return _text_parts(column)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if not column.null_count:
        return [_with_length(np.asarray(column))]
    there = column.is_valid()
    values = np.asarray(pc.fill_null(column, pa.scalar(0, column.type)))
    lengths = np.where(np.asarray(there), values.itemsize, -1)
    big_endian = values.astype(values.dtype.newbyteorder(">"))
    return [_even(">i4", lengths), pc.if_else(there, _bytes(big_endian), b"")]


def _text_parts(column: pa.Array) -> Parts:
    lengths = np.asarray(pc.fill_null(pc.binary_length(column), -1))
    if len(lengths) and lengths[0] > 0 and (lengths == lengths[0]).all():
        _, offsets, data = column.buffers()
        start = np.frombuffer(offsets, dtype=np.int32)[column.offset]
        return [_with_length(np.frombuffer(data, f"V{lengths[0]}", len(column), start))]
    return [_even(">i4", lengths), pc.fill_null(column.cast(pa.binary()), b"")]


def _array_parts(lists: pa.ListArray) -> Parts:
    """Return the headers and the elements of one-dimensional arrays."""
    sizes = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    elements = _with_length(np.asarray(lists.flatten()))
    headers = np.zeros(len(lists), dtype=ARRAY_HEADER)
    headers["bytes"] = ARRAY_HEADER.itemsize - 4 + sizes * elements.row.itemsize
    headers["ndim"] = headers["from"] = 1
    headers["oid"] = ELEMENT_OIDS[lists.type.value_type]
    headers["size"] = sizes
    if len(lists) and (sizes == sizes[0]).all():
        kind = [("header", ARRAY_HEADER), ("elements", elements.row.dtype, (int(sizes[0]),))]
        row = np.zeros((), dtype=kind)
        row["header"], row["elements"] = headers[0], elements.row
        values = elements.values.reshape(len(lists), int(sizes[0]))
        return [Even(row, ("elements", *elements.room), values)]
    starts = np.r_[0, np.cumsum(sizes)]
    return [_bytes(headers), _bytes(_write([elements], int(starts[-1])), starts)]


def _even(kind: Any, values: npt.NDArray[Any]) -> Even:
    return Even(np.zeros((), dtype=[("value", kind)]), ("value",), values)


def _with_length(values: npt.NDArray[Any]) -> Even:
    """Return values that are as long as each other, each after its length."""
    kind = values.dtype.newbyteorder(">")
    row = np.zeros((), dtype=[("bytes", ">i4"), ("value", kind)])
    row["bytes"] = values.itemsize
    return Even(row, ("value",), values)


def _write(parts: list[Even], rows: int) -> npt.NDArray[Any]:
    """Return rows [rows], structured, of some parts beside each other."""
    row = np.zeros(1, dtype=[(str(at), part.row.dtype) for at, part in enumerate(parts)])
    written = np.empty(rows, dtype=row.dtype)
    for at, part in enumerate(parts):
        row[str(at)] = part.row
    # As bytes, a row is copied at once.
    written.view(f"V{row.itemsize}")[:] = row.view(f"V{row.itemsize}")
    for at, part in enumerate(parts):
        room = written[str(at)]
        for name in part.room:
            room = room[name]
        room[...] = part.values
    return written


def _bytes(items: npt.NDArray[Any], starts: npt.NDArray[Any] | None = None) -> pa.Array:
    """Return the bytes of items starts[i] to starts[i + 1], for each i; by default of each item."""
    starts = np.arange(len(items) + 1) if starts is None else starts
    offsets = (starts * items.itemsize).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(items)]
    return pa.Array.from_buffers(pa.binary(), len(starts) - 1, buffers)
