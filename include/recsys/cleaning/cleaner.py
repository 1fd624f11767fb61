"""The work on pieces of raw files, whichever process does it: check, set aside, write days."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet
from fsspec.implementations.local import LocalFileSystem

from recsys.cleaning.fields import Limits
from recsys.cleaning.known import read_known
from recsys.cleaning.lines import set_aside
from recsys.cleaning.pieces import Piece, read_lines
from recsys.cleaning.transactions import check_transactions, collapse, digest, split_days
from recsys.columns import Columns as C
from recsys.store import open_store

#: Requests to a store at the same time.
THREADS = 16


@dataclass(frozen=True)
class DayWritten:
    """What a load holds of one day: distinct rows, raw rows, and a digest of the contents."""

    rows: int
    pieces: int
    digest: str


@dataclass(frozen=True)
class Done:
    """What came of pieces.

    read: rows read of each piece.
    digests: of each day that was written.
    """

    read: list[int]
    digests: dict[date, str]


@dataclass(frozen=True)
class Cleaner:
    """The work on pieces; it can be sent to other processes, which reach the lake themselves.

    Every file has a fixed name, so that a task that is run again replaces what it had written.

    Args:
        pieces: of the raw files, in their order.
        articles: addresses of the files of cleaned.articles.
        customers: addresses of the files of cleaned.customers.
        limits: for valid rows.
        kept: address of the folder for days.
        aside: address of the folder for rejected rows.
        is_small: whether the pieces hold few rows, beside all customers.
    """

    pieces: tuple[Piece, ...]
    articles: tuple[str, ...]
    customers: tuple[str, ...]
    limits: Limits
    kept: str
    aside: str
    is_small: bool

    def check(self, number: int) -> tuple[int, pa.Table]:
        """Return how many rows a piece has and the valid ones; write those that are not."""
        piece = self.pieces[number]
        known = read_known(self.articles, self.customers, for_few=self.is_small)
        lines = read_lines(piece)
        valid, refused = check_transactions(lines, known, self.limits, day=piece.day)
        if len(refused):
            rejected = set_aside(refused, piece.file)
            write_file(f"{self.aside}/part-{number:05d}.parquet", rejected)
        return len(lines), valid

    def write(self, day: date, rows: Iterable[pa.Table]) -> str:
        """Write what is valid of a day, which may come of several pieces; return its digest."""
        transactions = collapse(pa.concat_tables(rows))
        write_file(day_file(self.kept, day), transactions)
        return digest(transactions)


def clean_here(cleaner: Cleaner) -> Done:
    """Do all of the work in this process."""
    read, days = [], defaultdict(list)
    for number in range(len(cleaner.pieces)):
        count, valid = cleaner.check(number)
        read.append(count)
        for day, rows in split_days(valid):
            days[day].append(rows)
    return Done(read, {day: cleaner.write(day, rows) for day, rows in days.items()})


def day_file(folder: str, day: date) -> str:
    """Return the address of a day's file."""
    return f"{folder}/day={day}/part-00000.parquet"


def write_file(address: str, table: pa.Table) -> None:
    """Write a Parquet file, whether its folder is there or not."""
    fs, path = open_store(address)
    if isinstance(fs, LocalFileSystem):  # a store has no folders
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    pa.parquet.write_table(table, path, filesystem=fs, compression="zstd")


def count_written(folder: str, digests: Mapping[date, str]) -> dict[date, DayWritten]:
    """Return what the files of days hold, counted in them."""

    def count(day: date) -> DayWritten:
        fs, path = open_store(day_file(folder, day))
        found = pa.parquet.read_table(path, columns=[C.QUANTITY], filesystem=fs, partitioning=None)
        pieces = found[C.QUANTITY].to_numpy().sum()
        return DayWritten(len(found), int(pieces), digests[day])

    with ThreadPoolExecutor(THREADS) as pool:
        days = sorted(digests)
        return dict(zip(days, pool.map(count, days), strict=True))
