"""Arrow record batches in the binary format of COPY, without a loop over rows.

The format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS. A row is the
number of its fields, and then each field as its length in bytes (-1: null) and its bytes, all
big-endian. So each column becomes pieces, Arrow arrays of bytes with an entry a row, and Arrow
joins the pieces of each row.
"""

from typing import Any

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

Pieces = list[pa.Array]


def encode(batch: pa.RecordBatch) -> memoryview:
    """Return the rows of a batch as COPY reads them, without `HEADER` and `TRAILER`.

    Text, boolean, smallint, integer, real and double columns keep their nulls; of lists, which
    become arrays, a missing one becomes an empty one, and none may hold nulls.

    Raises:
        KeyError: a list holds something else than int16, int32, int64 or float32.
    """
    fields = _fixed(np.full(batch.num_rows, batch.num_columns, dtype=">i2"))
    pieces = [piece for column in batch.columns for piece in _pieces(column)]
    rows = pc.binary_join_element_wise(fields, *pieces, b"")
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[ends[rows.offset] : ends[rows.offset + len(rows)]]


def _pieces(column: pa.Array) -> Pieces:
    if pa.types.is_list(column.type):
        return _array_pieces(column)
    if pa.types.is_string(column.type):
        lengths = pc.fill_null(pc.binary_length(column), -1)
        return [_fixed(_big_endian(lengths)), pc.fill_null(column.cast(pa.binary()), b"")]
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values = _big_endian(pc.fill_null(column, pa.scalar(0, column.type)))
    if not column.null_count:
        return [_fixed(_with_lengths(values))]
    lengths = np.where(np.asarray(column.is_valid()), values.itemsize, -1).astype(">i4")
    return [_fixed(lengths), pc.if_else(column.is_valid(), _fixed(values), b"")]


def _array_pieces(lists: pa.ListArray) -> Pieces:
    """Return the headers and the elements of one-dimensional arrays."""
    sizes = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    elements = _with_lengths(_big_endian(lists.flatten()))
    headers = np.zeros(len(lists), dtype=ARRAY_HEADER)
    headers["bytes"] = ARRAY_HEADER.itemsize - 4 + sizes * elements.itemsize
    headers["ndim"] = headers["from"] = 1
    headers["oid"] = ELEMENT_OIDS[lists.type.value_type]
    headers["size"] = sizes
    return [_fixed(headers), _ragged(elements, np.r_[0, np.cumsum(sizes)])]


def _big_endian(values: pa.Array) -> npt.NDArray[Any]:
    numbers = np.asarray(values)
    return numbers.astype(numbers.dtype.newbyteorder(">"))


def _with_lengths(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    fields = np.empty(len(values), dtype=[("bytes", ">i4"), ("value", values.dtype)])
    fields["bytes"] = values.itemsize
    fields["value"] = values
    return fields


def _fixed(items: npt.NDArray[Any]) -> pa.Array:
    """Return each item's bytes."""
    return _ragged(items, np.arange(len(items) + 1))


def _ragged(items: npt.NDArray[Any], starts: npt.NDArray[Any]) -> pa.Array:
    """Return the bytes of items starts[i] to starts[i + 1], for each i."""
    offsets = (starts * items.itemsize).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(items)]
    return pa.Array.from_buffers(pa.binary(), len(starts) - 1, buffers)
