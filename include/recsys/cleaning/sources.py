"""Where transactions come from: the full dump and the daily drops, each known by its content."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from fsspec.implementations.local import LocalFileSystem

from recsys.cleaning.raw import check_file, check_folder, drop_folders
from recsys.digest import sha256_of_json
from recsys.errors import DataError
from recsys.paths import DROPS_FOLDER, TRANSACTIONS_CSV
from recsys.store import open_store


@dataclass(frozen=True)
class Source:
    """The full dump, or the files of one daily drop."""

    #: `transactions_train.csv`, or a drop's folder below the data folder.
    name: str
    #: A drop's day; None for the dump, which may hold any day.
    day: date | None
    #: Addresses of its files.
    files: tuple[str, ...]
    #: Of the names and contents of its files.
    sha256: str


def find_sources(data: str, *, sha256: Callable[[str], str]) -> list[Source]:
    """Return the dump and the daily drops of a data folder, the dump first, then by day.

    Args:
        data: the folder.
        sha256: gives the digest of a file.

    Raises:
        DataError: listing every fault of every file, and every drop that is none.
    """
    dump = check_folder(data)[TRANSACTIONS_CSV]
    drops, faults = drop_folders(data)
    fs, _ = open_store(data)
    for day, paths in drops.items():
        for path in paths:
            name = f"{drop_name(day)}/{PurePosixPath(path).name}"
            faults += check_file(fs, path, name, layout=TRANSACTIONS_CSV)
    if faults:
        raise DataError([f"{data}: {faults[0]}", *faults[1:]])
    is_local = isinstance(fs, LocalFileSystem)
    sources = [_source(TRANSACTIONS_CSV, None, [dump], sha256)]
    for day, paths in drops.items():
        files = paths if is_local else [str(fs.unstrip_protocol(path)) for path in paths]
        sources.append(_source(drop_name(day), day, files, sha256))
    return sources


def drop_name(day: date) -> str:
    """Return a drop's folder, relative to the data folder."""
    return f"{DROPS_FOLDER}/t_dat={day}"


def _source(name: str, day: date | None, files: list[str], sha256: Callable[[str], str]) -> Source:
    digests = [[PurePosixPath(file).name, sha256(file)] for file in files]
    return Source(name, day, tuple(files), sha256_of_json(digests))
