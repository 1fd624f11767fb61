"""A partition written shard by shard, each once: a run that was killed goes on where it was.

Shards are files of a draft whose folder is named after the step's fingerprint (`Step.write` with
`resume`). A file is there whole or not at all; what was counted of it stands in its footer.
"""

import io
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError, RecsysError
from recsys.storage import Draft, Lake

COUNTS = b"counts"


@dataclass(frozen=True)
class Shards:
    """The shards of a draft, numbered from 0."""

    lake: Lake
    draft: Draft
    count: int

    def missing(self) -> list[int]:
        """Return the shards that are still to be written."""
        there = {path.rsplit("/", 1)[-1] for path in self.lake.fs.glob(f"{self._folder}/*.parquet")}
        return [number for number in range(self.count) if _name(number) not in there]

    def put(self, number: int, table: pa.Table, counts: Mapping[str, int] | None = None) -> None:
        """Write a shard, and named counts of it; others may write other shards, or even this one.

        The same table twice is the same file.

        Raises:
            RecsysError: another run committed the partition meanwhile.
        """
        if counts:
            table = table.replace_schema_metadata({COUNTS: json.dumps(dict(counts))})
        target = f"{self._folder}/{_name(number)}"
        if not self.lake.is_local:  # whole in memory first: a writer that fails ends its file well
            buffer = io.BytesIO()
            pq.write_table(table, buffer, compression="zstd")
            self.lake.fs.pipe_file(target, buffer.getvalue())
            return
        half = Path(f"{target}.{uuid.uuid4().hex[:8]}")
        pq.write_table(table, half, compression="zstd")
        with half.open("rb") as file:
            os.fsync(file.fileno())
        try:
            half.replace(target)
        except FileNotFoundError as error:  # another run of just this one cleared up after it
            raise RecsysError(
                f"{self.draft.partition}: another run committed it meanwhile; run again"
            ) from error

    def conclude(self) -> None:
        """Say in the draft what all shards hold, and remove what killed writers left half-written.

        Raises:
            RecsysError: a shard is missing.
            DataError: one has other columns than the first.
        """
        if missing := self.missing():
            raise RecsysError(
                f"{self.draft.partition}: shards {missing} are gone: another run committed it"
                " meanwhile; run again"
            )
        draft = self.draft
        draft.rows = 0
        for number in range(self.count):
            path = f"{self._folder}/{_name(number)}"
            with self.lake.fs.open(path, "rb") as file:
                footer = pq.read_metadata(file)
            schema = footer.schema.to_arrow_schema()
            counts = json.loads((schema.metadata or {}).get(COUNTS, b"{}"))
            for name, value in counts.items():
                draft.counts[name] = draft.counts.get(name, 0) + value
            schema = schema.remove_metadata()
            if draft.schema is not None and not schema.equals(draft.schema):
                raise DataError(f"{draft.partition}: shards of a data set must share one schema")
            draft.rows, draft.schema = draft.rows + footer.num_rows, schema
        for path in self.lake.fs.glob(f"{self._folder}/*.parquet.*"):
            self.lake.fs.rm(path)

    @property
    def _folder(self) -> str:
        return str(self.lake.fs._strip_protocol(self.draft.path)).rstrip("/")


def _name(number: int) -> str:
    return f"part-{number:05d}.parquet"
