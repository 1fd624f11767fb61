"""The lake: partitions that appear whole or not at all, in a folder or an object store.

A writer fills a fresh attempt folder; the partition becomes visible when its manifest, written last
and replaced atomically, names that folder. Readers follow the manifest and never list folders.
"""

import posixpath
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from recsys.errors import DataError, MissingPartitionError, RecsysError
from recsys.manifest import Manifest, Part, fingerprint_of_parts
from recsys.paths import WRITTEN_BY, Partition
from recsys.store import Store

MANIFEST = "_manifest.json"


@dataclass
class Draft:
    """A partition being written. The writer fills `path` and states what it wrote."""

    partition: Partition
    path: str
    rows: int | None = None
    schema: pa.Schema | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    counting: Lock = field(default_factory=Lock, repr=False)


class Lake(Store):
    """All layers of one data folder, under one root."""

    def manifest(self, partition: Partition) -> Manifest | None:
        """Return the committed manifest, or None where nothing was committed."""
        path = f"{self.root}/{partition.folder}/{MANIFEST}"
        if not self.fs.exists(path):
            return None
        return Manifest.model_validate_json(self.fs.cat_file(path))

    def require(self, partition: Partition) -> Manifest:
        """Return the committed manifest.

        Raises:
            MissingPartitionError: naming the job that writes the data set.
        """
        manifest = self.manifest(partition)
        if manifest is None:
            writer = WRITTEN_BY[partition.dataset]
            raise MissingPartitionError(partition.dataset, partition.key, written_by=writer)
        return manifest

    def is_intact(self, manifest: Manifest) -> bool:
        """Whether every partition that a view shows as a whole still holds what it held then."""
        whole = [part for part in manifest.parts if not part.folder]
        sources = [self.manifest(Partition(part.dataset, part.partition)) for part in whole]
        return all(
            source is not None and not source.parts and source.fingerprint == part.fingerprint
            for part, source in zip(whole, sources, strict=True)
        )

    def keys(self, dataset: str) -> list[str]:
        """Return the keys of a data set's committed partitions, in ascending order."""
        folder = f"{self.root}/{Partition(dataset, 'any').folder.rsplit('/', 1)[0]}"
        return sorted(path.split("/")[-2] for path in self.fs.glob(f"{folder}/*/{MANIFEST}"))

    def files(
        self, partition: Partition, *, since: str | None = None, before: str | None = None
    ) -> list[str]:
        """Return the addresses of the committed Parquet files, in a fixed order.

        Args:
            partition: a table, or a view of parts of other tables.
            since: of a view, only the parts whose key is this one or greater.
            before: of a view, only the parts whose key is less than this one.

        Raises:
            MissingPartitionError: the partition, or one that it shows, was never committed.
        """
        return [self.address(path) for path in self._files(partition, since, before)]

    def _files(
        self, partition: Partition, since: str | None = None, before: str | None = None
    ) -> list[str]:
        """Return the files of `files`, relative to the root."""
        manifest = self.require(partition)
        if not manifest.parts:
            return self._parquet_below(f"{partition.folder}/{manifest.attempt}")
        if not self.is_intact(manifest):
            source = Partition(partition.dataset, manifest.parts[0].partition)
            raise DataError(
                f"{partition} shows {source}, which was made anew:"
                f" run {WRITTEN_BY[partition.dataset]} again for {partition.key}"
            )
        shown = [
            p
            for p in manifest.parts
            if (since is None or p.key >= since) and (before is None or p.key < before)
        ]
        files: list[str] = []
        for dataset, key in sorted({(p.dataset, p.partition) for p in shown}):
            source = Partition(dataset, key)
            root = f"{source.folder}/{self.require(source).attempt}"
            wanted = {p.folder for p in shown if (p.dataset, p.partition) == (dataset, key)}
            below = self._parquet_below(root)
            files += [f for f in below if posixpath.dirname(f[len(root) + 1 :]) in wanted]
        return sorted(files, key=lambda file: file.rsplit("/", 2)[1:])

    def _parquet_below(self, folder: str) -> list[str]:
        found = self.fs.find(f"{self.root}/{folder}")
        return sorted(f[len(self.root) + 1 :] for f in found if f.endswith(".parquet"))

    @contextmanager
    def local_path(self, partition: Partition) -> Iterator[Path]:
        """Yield a local folder with the committed data, copied from the store where needed."""
        path = f"{self.root}/{partition.folder}/{self.require(partition).attempt}"
        if self.is_local:
            yield Path(path)
            return
        with tempfile.TemporaryDirectory() as folder:
            self.fs.get(path.rstrip("/") + "/", folder + "/", recursive=True)
            yield Path(folder)

    def read(
        self,
        partition: Partition,
        columns: Sequence[str] | None = None,
        filter: pa.dataset.Expression | None = None,
        *,
        since: str | None = None,
        before: str | None = None,
    ) -> pa.Table:
        """Return a committed table, or the columns and rows of it that are asked for.

        `since` and `before` choose parts of a view as in `files`.
        """
        wanted = None if columns is None else list(columns)
        data = self.scan(partition, since=since, before=before)
        return data.to_table(columns=wanted, filter=filter)

    def scan(
        self, partition: Partition, *, since: str | None = None, before: str | None = None
    ) -> pa.dataset.Dataset:
        """Return a committed table as an Arrow data set, to be read in batches.

        `since` and `before` choose parts of a view as in `files`.

        Raises:
            DataError: no part is chosen.
        """
        files = [f"{self.root}/{file}" for file in self._files(partition, since, before)]
        if not files:
            raise DataError(f"{partition} has nothing since {since} and before {before}")
        return pa.dataset.dataset(files, filesystem=self.fs, format="parquet")

    def show(
        self,
        partition: Partition,
        parts: Sequence[Part],
        *,
        like: Manifest,
        counts: Mapping[str, int],
        notes: Mapping[str, Any],
        fingerprint: str | None = None,
    ) -> Manifest:
        """Commit a view: a partition without data of its own, made of folders of others.

        Unless another is given, its fingerprint is that of its parts, so that equal contents give
        equal fingerprints.

        Args:
            partition: the view.
            parts: what it shows; at least one.
            like: the manifest of a partition that it shows, for columns and settings.
            counts: the view's own.
            notes: the view's own.
            fingerprint: of the view.
        """
        ordered = sorted(parts, key=lambda part: part.key)
        manifest = like.model_copy(
            update={
                "dataset": partition.dataset,
                "key": partition.key,
                "attempt": "",
                "parts": tuple(ordered),
                "rows": sum(part.rows for part in ordered),
                "fingerprint": fingerprint or fingerprint_of_parts(ordered),
                "counts": dict(counts),
                "notes": dict(notes),
                "finished_at": _now(),
                "seconds": 0.0,
            }
        )
        self.write_text(f"{partition.folder}/{MANIFEST}", manifest.model_dump_json(indent=1))
        self._remove_other_attempts(f"{self.root}/{partition.folder}", keep="")
        return manifest

    def remove(self, partition: Partition) -> None:
        """Delete a partition: its manifest first, so that no reader finds half of it."""
        folder = f"{self.root}/{partition.folder}"
        self.fs.rm(f"{folder}/{MANIFEST}")
        if self.fs.exists(folder):  # in a store, a view has nothing else
            self.fs.rm(folder, recursive=True)

    @contextmanager
    def write(
        self,
        partition: Partition,
        *,
        fingerprint: str,
        inputs: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> Iterator[Draft]:
        """Yield a draft; commit it at the end of the block, drop it if the block raises.

        With `resume` it is not dropped: the next one of this fingerprint finds what is there, also
        after a kill. See `recsys.shards`.

        Raises:
            ValueError: the block did not say how many rows it wrote.
            RecsysError: another writer committed the partition first.
        """
        started = time.monotonic()
        attempt = f"attempt-{fingerprint[:12] if resume else uuid.uuid4().hex[:12]}"
        folder = f"{self.root}/{partition.folder}"
        draft = Draft(partition, self.address(f"{partition.folder}/{attempt}"))
        if self.is_local:  # a store has no folders, and its bucket must be there
            self.fs.makedirs(f"{folder}/{attempt}", exist_ok=True)
        try:
            yield draft
            if draft.rows is None:
                raise ValueError(f"{partition}: the draft's rows were never set")
            if draft.rows and not self.fs.exists(f"{folder}/{attempt}"):
                raise RecsysError(
                    f"{partition}: another run committed it meanwhile and removed what this one had"
                    " written; run again"
                )
        except BaseException:
            if not resume and self.fs.exists(f"{folder}/{attempt}"):
                self.fs.rm(f"{folder}/{attempt}", recursive=True)
            raise
        schema = draft.schema or pa.schema([])
        manifest = Manifest(
            dataset=partition.dataset,
            key=partition.key,
            attempt=attempt,
            rows=draft.rows,
            columns={f.name: str(f.type) for f in schema},
            fingerprint=fingerprint,
            inputs=dict(inputs or {}),
            settings=dict(settings or {}),
            counts=draft.counts,
            notes=draft.notes,
            finished_at=_now(),
            seconds=round(time.monotonic() - started, 3),
        )
        self.write_text(f"{partition.folder}/{MANIFEST}", manifest.model_dump_json(indent=2))
        self._remove_other_attempts(folder, keep=attempt)

    def put(self, draft: Draft, name: str, source: Path) -> None:
        """Move a finished local file into a draft, under `name`."""
        target = f"{draft.path.rstrip('/')}/{name}"
        if self.is_local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)
        else:
            self.fs.put_file(str(source), target)

    def put_table(self, draft: Draft, table: pa.Table, name: str = "part-00000.parquet") -> None:
        """Write one Parquet file into a draft and add its rows to the draft's.

        Threads may write files of one draft at the same time.
        """
        if draft.schema is not None and not table.schema.equals(draft.schema):
            raise DataError(f"{draft.partition}: files of a data set must share one schema")
        path = self.fs._strip_protocol(draft.path)
        pa.parquet.write_table(table, f"{path}/{name}", filesystem=self.fs, compression="zstd")
        with draft.counting:
            draft.schema = table.schema
            draft.rows = (draft.rows or 0) + table.num_rows

    def _remove_other_attempts(self, folder: str, *, keep: str) -> None:
        for path in self.fs.ls(folder, detail=False):
            name = path.rstrip("/").rsplit("/", 1)[-1]
            if name.startswith("attempt-") and name != keep:
                self.fs.rm(path, recursive=True)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
