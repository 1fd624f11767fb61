"""Files below one root, in a folder or an object store, by the same names."""

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from fsspec.implementations.local import LocalFileSystem

from recsys.threads import in_threads_ahead

#: Files of a store that are read beside the one looked at.
FILES_AHEAD = 16


class Store:
    """What lies below a root, which is a folder or an address like s3://b/p."""

    def __init__(self, root: str) -> None:
        self.fs, self.root = open_store(root)
        self.is_local = isinstance(self.fs, LocalFileSystem)

    def address(self, relative: str) -> str:
        """Return the full address of a path below the root, as other libraries want it."""
        path = f"{self.root}/{relative}"
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    def reach(self) -> None:
        """Ask the store once: what is wrong with it is known before work starts.

        Raises:
            OSError: the store has no such bucket, or refuses; see `recsys.faults.explained_store`.
        """
        if self.is_local:
            return
        try:
            self.fs.ls(self.root, detail=False)
        except FileNotFoundError as error:
            if error.__cause__ is not None:
                raise  # the store's own word; else the lake is only empty

    def read_folder(self, address: str) -> pa.Table:
        """Return the Parquet files of a folder of the lake that is no partition, as one table."""
        path = self.fs._strip_protocol(address)
        return pa.dataset.dataset(path, filesystem=self.fs, format="parquet").to_table()

    def read_file(self, address: str) -> pa.Table:
        """Return one of the files of `files`."""
        path = self.fs._strip_protocol(address)
        return pa.parquet.read_table(path, filesystem=self.fs)

    def read_files(self, addresses: Iterable[str], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of many small files, a table each, in their order.

        Local ones are read on the caller's thread alone. Arrow's threads would pass each of them
        around, at half as much processor time again, and keep readers of a database on the same
        cores waiting (ADR 10). A store takes its time to answer: its files are read ahead.
        """

        def read(address: str) -> pa.Table:
            path = self.fs._strip_protocol(address)
            with pa.parquet.ParquetFile(path, filesystem=self.fs, pre_buffer=False) as file:
                return file.read(columns=list(columns), use_threads=False)

        if self.is_local:
            yield from map(read, addresses)
        else:
            yield from in_threads_ahead(read, addresses, workers=FILES_AHEAD, ahead=FILES_AHEAD)

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """Yield the address of an empty folder for data on their way; it is gone after the block.

        What a killed writer left there goes when the next one of that name begins.
        """
        folder = f"{self.root}/scratch/{name}"
        if self.fs.exists(folder):
            self.fs.rm(folder, recursive=True)
        if self.is_local:
            self.fs.makedirs(folder)
        try:
            yield self.address(f"scratch/{name}")
        finally:
            if self.fs.exists(folder):
                self.fs.rm(folder, recursive=True)

    def write_text(self, relative: str, text: str) -> None:
        """Replace a small file below the root atomically."""
        if not self.is_local:
            self.fs.pipe_file(f"{self.root}/{relative}", text.encode())
            return
        path = Path(self.root, relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def read_text(self, relative: str) -> str | None:
        """Return a small file below the root, None where there is none."""
        path = f"{self.root}/{relative}"
        return str(self.fs.cat_file(path), "utf-8") if self.fs.exists(path) else None


def open_store(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system of a path or an address, and the path inside it.

    It never remembers listings: another process may have written since.
    """
    fs, path = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return fs, path
