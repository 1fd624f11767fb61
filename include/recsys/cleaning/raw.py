"""Faults of a whole raw folder, found before any work starts, and the last day it knows."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import BinaryIO

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.paths import ARTICLES_CSV, CUSTOMERS_CSV, DROPS_FOLDER, TRANSACTIONS_CSV
from recsys.schemas import RAW_ARTICLES, RAW_CUSTOMERS, RAW_TRANSACTIONS
from recsys.store import open_store

#: The files of a raw folder and their columns, in order.
LAYOUT: dict[str, tuple[str, ...]] = {
    ARTICLES_CSV: RAW_ARTICLES,
    CUSTOMERS_CSV: RAW_CUSTOMERS,
    TRANSACTIONS_CSV: RAW_TRANSACTIONS,
}

DROP = re.compile(r"t_dat=(\d{4}-\d{2}-\d{2})")

#: A line of customers or transactions, about.
LINE_BYTES = 100


def check_folder(data: str) -> dict[str, str]:
    """Return the address of each raw file by name, once each is known to be usable as a whole.

    A file must exist, hold the known columns in their order, and at least one row. Rows themselves
    are judged later, one by one.

    Raises:
        DataError: listing every fault of every file.
    """
    fs, root = open_store(data)
    if not fs.isdir(root):
        raise DataError(f"no folder {data}: expected one that holds {', '.join(LAYOUT)}")
    paths = {name: f"{root.rstrip('/')}/{name}" for name in LAYOUT}
    faults = [fault for name, path in paths.items() for fault in check_file(fs, path, name)]
    if faults:
        raise DataError([f"{data}: {faults[0]}", *faults[1:]])
    is_local = isinstance(fs, fsspec.implementations.local.LocalFileSystem)
    return paths if is_local else {n: str(fs.unstrip_protocol(p)) for n, p in paths.items()}


def drop_folders(data: str) -> tuple[dict[date, list[str]], list[str]]:
    """Return the files of each daily drop by its day, in ascending order, and what is wrong.

    A drop is a folder `transactions/t_dat=YYYY-MM-DD/` that holds one `.csv` file or more.
    """
    fs, root = open_store(data)
    folder = f"{root.rstrip('/')}/{DROPS_FOLDER}"
    if not fs.isdir(folder):
        return {}, []
    drops: dict[date, list[str]] = {}
    faults = []
    for path in sorted(fs.ls(folder, detail=False)):
        name = path.rstrip("/").rsplit("/", 1)[-1]
        # A store may list the mark of a folder, an empty object, as if it lay inside.
        is_mark = path.rstrip("/") == folder
        if is_mark or name.startswith((".", "_")) or not fs.isdir(path):
            continue
        found = DROP.fullmatch(name)
        day = _parse_day(found[1].encode()) if found else None
        files = sorted(fs.glob(f"{path.rstrip('/')}/*.csv"))
        if day is None:
            faults.append(f"{DROPS_FOLDER}/{name} must read t_dat=YYYY-MM-DD")
        elif not files:
            faults.append(f"{DROPS_FOLDER}/{name} holds no .csv file")
        else:
            drops[day] = files
    return dict(sorted(drops.items())), faults


def estimate_rows(files: Iterable[str]) -> int:
    """Return about how many rows raw files hold together, from their sizes."""
    stores = [open_store(file) for file in files]
    return sum(int(fs.size(path)) for fs, path in stores) // LINE_BYTES


def latest_day(data: str, *, today: date | None = None) -> date:
    """Return the last day on which something was bought, from the day columns and drops alone.

    Text that is no day, and days after `today` (default: this day, UTC), do not count.

    Raises:
        DataError: the folder is unusable, or no row has such a day.
    """
    path = check_folder(data)[TRANSACTIONS_CSV]
    today = today or datetime.now(UTC).date()
    latest = max([date.min, *(day for day in drop_folders(data)[0] if day <= today)])
    fs, inside = open_store(path)
    with fs.open(inside, "rb") as file, _open_starts(file) as batches:
        for batch in batches:
            starts = pc.binary_slice(batch.column(0), 0, len('"2020-09-22"')).unique()
            days = map(_parse_day, starts.to_pylist())
            latest = max([latest, *(day for day in days if day and day <= today)])
    if latest == date.min:
        raise DataError(f"{path}: no row has a day that reads YYYY-MM-DD and is not after {today}")
    return latest


def _open_starts(file: BinaryIO) -> pyarrow.csv.CSVStreamingReader:
    """Return a reader of whole lines as bytes: what is wrong in them is for the cleaning to say."""
    return pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(
            block_size=16 << 20, column_names=[C.LINE], skip_rows=1
        ),
        # A separator that no line holds; and an unclosed quote must not swallow the lines after it.
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="\x1f", quote_char=False, invalid_row_handler=lambda row: "skip"
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types={C.LINE: pa.binary()}),
    )


def _parse_day(start: bytes) -> date | None:
    """Return the day that a line starts with, quoted or not, or None."""
    text = start.split(b",")[0].decode("ascii", errors="replace").strip('"')
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def check_file(
    fs: fsspec.AbstractFileSystem, path: str, name: str, *, layout: str | None = None
) -> list[str]:
    """Return what makes a file unusable as a whole; `layout` names its columns (default: name)."""
    if not fs.isfile(path):
        return [f"{name} is missing"]
    try:
        with fs.open(path, "rb") as file:
            return _check_head(file, name, LAYOUT[layout or name])
    except OSError as error:
        return [f"{name} cannot be read: {error.strerror or error}"]


def _check_head(file: BinaryIO, name: str, columns: Sequence[str]) -> list[str]:
    first = file.readline()
    if not first.strip():
        return [f"{name} is empty" if not file.read(1) else f"{name} starts with a blank line"]
    try:
        header = next(csv.reader([first.decode("utf-8-sig").strip("\r\n")]))
    except UnicodeDecodeError:
        return [f"{name}: the header is not UTF-8"]
    faults = [f"{name}: {fault}" for fault in _check_header(header, columns)]
    has_rows = any(block.strip() for block in iter(lambda: file.read(1 << 20), b""))
    return faults if has_rows else [*faults, f"{name} has a header and no rows"]


def _check_header(found: Sequence[str], expected: Sequence[str]) -> list[str]:
    missing = [column for column in expected if column not in found]
    unknown = [column for column in found if column not in expected]
    faults = [f"column {column} is missing" for column in missing]
    faults += [f"column {column} is not known" for column in unknown]
    if not faults and len(found) > len(expected):
        faults = ["a column stands there twice: " + ",".join(found)]
    elif not faults and list(found) != list(expected):
        faults = [f"columns must be in the order {','.join(expected)}. Got {','.join(found)}"]
    return faults
