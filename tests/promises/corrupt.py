"""Raw files with faults: one line in a hundred is broken, in one of a dozen ways."""

import random
import re
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

#: What ends a line for Spark, and so for H&M's files.
LINE_ENDS = re.compile(rb"\r\n|\r|\n")
Corrupt = Callable[[bytes, random.Random], bytes]


def _fields(change: Callable[[list[bytes], random.Random], object]) -> Corrupt:
    """Return a fault that changes the list of a line's fields in place."""

    def corrupt(line: bytes, rng: random.Random) -> bytes:
        fields = line.split(b",")
        change(fields, rng)
        return b",".join(fields)

    return corrupt


def _put(field: int, *values: bytes) -> Corrupt:
    return _fields(lambda fields, rng: fields.__setitem__(field, rng.choice(values)))


def _flip(line: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(line))
    return line[:place] + bytes([line[place] ^ 1 << rng.randrange(8)]) + line[place + 1 :]


def _insert(*values: bytes) -> Corrupt:
    def corrupt(line: bytes, rng: random.Random) -> bytes:
        place = rng.randrange(len(line))
        return line[:place] + rng.choice(values) + line[place:]

    return corrupt


FAULTS: dict[str, Corrupt] = {
    "a bit flipped": _flip,
    "cut": lambda line, rng: line[: rng.randrange(1, len(line))],
    "a column less": _fields(lambda fields, rng: fields.pop(rng.randrange(5))),
    "a column more": _fields(lambda fields, rng: fields.insert(rng.randrange(5), b"1")),
    "quotes": _insert(b'"', b'""', b'","', b'\\"'),
    "bad date": _put(0, b"2020-13-01", b"20200922", b"2020-9-1", b""),
    "future": _put(0, b"2999-01-01"),
    "long ago": _put(0, b"1020-09-22", b"0020-09-22"),
    "not UTF-8": _insert(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f"),
    "NUL": _insert(b"\x00", b"\x00\x00"),
    "empty customer": _put(1, b"", b" "),
    "empty article": _put(2, b"", b" "),
    "bad price": _put(3, b"NaN", b"-1", b"1e999", b"0.05d", b"", b"Infinity"),
    "very long": _insert(b"x" * 2_000_000, b"," * 100_000),
    "line end inside": _insert(b"\r", b"\r\n", b"\n"),
}


def corrupt_file(path: Path, *, share: float, seed: int) -> list[bytes]:
    """Break a share of a file's rows, and repeat some others; return the rows left as they were.

    Every fault comes in turn, so that none is left out of a small file.
    """
    rng = random.Random(seed)
    header, *rows = path.read_bytes().splitlines()
    chosen = dict(zip(sorted(rng.sample(range(len(rows)), int(share * len(rows)))),
                      cycle(FAULTS.values())))  # fmt: skip
    whole: list[bytes] = []
    written = [header]
    for number, row in enumerate(rows):
        if number in chosen:
            written.append(chosen[number](row, rng))
            continue
        copies = 2 if rng.random() < share else 1
        whole += [row] * copies
        written += [row] * copies
    path.write_bytes(b"\n".join([*written, b""]))
    return whole


def physical_rows(path: Path) -> list[bytes]:
    """Return the lines of a file that are not blank, without the header, by their ends alone."""
    _, *rows = LINE_ENDS.split(path.read_bytes())
    return [row for row in rows if row.strip(b" ")]
