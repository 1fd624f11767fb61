"""What readers see of the lake: committed partitions, whose manifests name their files."""

import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from recsys.errors import DataError, MissingPartitionError
from recsys.manifest import Manifest
from recsys.paths import WRITTEN_BY, Partition
from recsys.store import Store

MANIFEST = "_manifest.json"


class Committed(Store):
    """All partitions that were committed below one root."""

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
