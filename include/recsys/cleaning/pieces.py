"""Raw files as pieces of whole lines, which one process each can read."""

import re
from dataclasses import dataclass
from datetime import date

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.schemas import RAW_TRANSACTIONS
from recsys.store import open_store

#: About 600,000 transactions; what is made of a piece takes some ten times its bytes.
PIECE_BYTES = 64 << 20
#: Where a piece is to end, so many are read at a time until a line ends.
WINDOW_BYTES = 64 << 10
#: Of a CRLF the LF ends a blank line, which is no row.
LINE_END = re.compile(rb"[\r\n]")
HEADER = ",".join(RAW_TRANSACTIONS)


@dataclass(frozen=True)
class Piece:
    """The bytes from `start` up to `end` of a raw file: whole lines of it."""

    address: str
    #: The file relative to the data folder.
    file: str
    #: The day that its rows must be of; None for any.
    day: date | None
    start: int
    end: int


def cut_file(
    address: str, *, file: str, day: date | None, piece_bytes: int = PIECE_BYTES
) -> list[Piece]:
    """Return a file as pieces of `piece_bytes` and the rest of a line; `Piece` says what is what.

    Its lines are the same whatever the size of a piece.
    """
    fs, path = open_store(address)
    size = int(fs.size(path))
    starts = [0]
    while (start := _next_line(fs, path, starts[-1] + piece_bytes, size)) < size:
        starts.append(start)
    return [
        Piece(address, file, day, start, end)
        for start, end in zip(starts, [*starts[1:], size], strict=True)
    ]


def _next_line(fs: fsspec.AbstractFileSystem, path: str, place: int, size: int) -> int:
    """Return where the first line begins after a place, the file's size where none does."""
    while place < size:
        text = fs.cat_file(path, start=place, end=min(place + WINDOW_BYTES, size))
        if found := LINE_END.search(text):
            return place + int(found.end())
        place += WINDOW_BYTES
    return size


def read_lines(piece: Piece) -> pa.BinaryArray:
    """Return the lines of a piece as bytes, without the header of the file and blank lines.

    Line ends are LF, CRLF or CR; a byte order mark goes with the header. A line of spaces is blank.
    A file of a day may repeat its header, as one does that was made of several.
    """
    fs, path = open_store(piece.address)
    lines = split_lines(fs.cat_file(path, start=piece.start, end=piece.end))
    if piece.start == 0:
        lines = lines.slice(1)
    text = lines.view(pa.string())  # not looked at as characters here
    is_row = pc.not_equal(pc.ascii_ltrim(text, " "), "")
    if piece.day is not None:
        is_row = pc.and_(is_row, pc.not_equal(text, HEADER))
    return lines.filter(is_row)


def split_lines(data: bytes) -> pa.BinaryArray:
    """Return the lines of bytes, without their ends; a CRLF leaves a blank line behind its own.

    >>> split_lines(b"a\\r\\nb\\nc").to_pylist()
    [b'a', b'', b'b', b'c']
    """
    data = data.replace(b"\r", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    # Without line ends, each line begins as many bytes earlier as there are lines before it.
    offsets = np.append(0, ends - np.arange(len(ends))).astype(np.int32)
    text = pa.py_buffer(data.replace(b"\n", b""))
    buffers = [None, pa.py_buffer(offsets), text]
    return pa.Array.from_buffers(pa.binary(), len(ends), buffers)
