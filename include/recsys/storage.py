"""The lake: partitions that appear whole or not at all, in a folder or an object store.

A writer fills a fresh attempt folder; the partition becomes visible when its manifest, written last
and replaced atomically, names that folder. Readers follow the manifest and never list folders.
"""

import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from recsys.committed import MANIFEST, Committed
from recsys.errors import DataError, RecsysError
from recsys.manifest import Manifest, Part, fingerprint_of_parts
from recsys.paths import Partition


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


class Lake(Committed):
    """All layers of one data folder, under one root: what was committed, and writing more."""

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
        self._remove_leftovers(f"{self.root}/{partition.folder}", keep="")
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
        self._remove_leftovers(folder, keep=attempt)

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

    def _remove_leftovers(self, folder: str, *, keep: str) -> None:
        """Remove other attempts, and manifests that a killed process was in the middle of."""
        for path in self.fs.ls(folder, detail=False):
            name = path.rstrip("/").rsplit("/", 1)[-1]
            if name.startswith(f"{MANIFEST}."):
                self.fs.rm(path)
            elif name.startswith("attempt-") and name != keep:
                self.fs.rm(path, recursive=True)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
