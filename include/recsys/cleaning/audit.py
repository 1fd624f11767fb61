"""Counts that must add up, taken from what was written, and the limit to what may be rejected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet

from recsys.columns import Columns as C
from recsys.errors import DataError, RecsysError
from recsys.schemas import REJECTED
from recsys.storage import Draft
from recsys.store import open_store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EXAMPLE_CHARACTERS = 160


@dataclass(frozen=True)
class Rejections:
    """The rejected rows of one file by reason, and one line of each reason."""

    file: str
    counts: dict[str, int]
    examples: dict[str, str]

    @property
    def total(self) -> int:
        """How many rows of the file were rejected."""
        return sum(self.counts.values())


def write_frame(frame: "DataFrame", draft: Draft) -> "DataFrame":
    """Write a frame into a draft and return it as it stands there; the draft knows its rows."""
    from recsys.spark import read_parquet, write_parquet  # a job without Spark comes here too

    written = write_parquet(frame, draft.path)
    draft.rows, draft.schema = written.rows, written.schema
    return read_parquet(frame.sparkSession, written.files)


def count_rejected(draft: Draft, *, files: Sequence[str]) -> list[Rejections]:
    """Return what Parquet files of `schemas.REJECTED` in a draft hold, one a raw file.

    The draft then knows its rows, which it need not have.
    """
    fs, folder = open_store(draft.path)
    counts: dict[tuple[str, str], int] = {}
    lines: dict[tuple[str, str], str] = {}
    for path in fs.find(folder):
        rejected = pyarrow.parquet.read_table(path, filesystem=fs, partitioning=None)
        found = rejected.group_by([C.FILE, C.REASON]).aggregate(
            [([], "count_all"), (C.LINE, "min")]
        )
        for row in found.to_pylist():
            key = (row[C.FILE], row[C.REASON])
            counts[key] = counts.get(key, 0) + row["count_all"]
            lines[key] = min(lines.get(key, row["line_min"]), row["line_min"])
    draft.rows, draft.schema = sum(counts.values()), REJECTED
    return _note(draft, [(*key, counts[key], lines[key]) for key in sorted(counts)], files)


def _note(
    draft: Draft, rows: Sequence[tuple[str, str, int, str]], files: Sequence[str]
) -> list[Rejections]:
    """Return `file, reason, rows, line` as one a file, and note the rows in the draft."""
    draft.counts = {f"{file}.{reason}": n for file, reason, n, _ in rows}
    return [
        Rejections(
            name,
            {reason: n for file, reason, n, _ in rows if file == name},
            {reason: line for file, reason, _, line in rows if file == name},
        )
        for name in files
    ]


def tally(*, read: int, kept: int, rejections: Rejections) -> dict[str, int]:
    """Return a manifest's counts: `rows_read, rows_kept, rows_rejected, rejected.<reason>`.

    Raises:
        RecsysError: rows read are not rows kept plus rows rejected.
    """
    if read != kept + rejections.total:
        raise RecsysError(
            f"{rejections.file}: the rows do not add up: read {read}, kept {kept}, rejected"
            f" {rejections.total}; did the file change while it was read? Run again"
        )
    reasons = {f"rejected.{reason}": n for reason, n in rejections.counts.items()}
    return {
        "rows_read": read, "rows_kept": kept, "rows_rejected": rejections.total, **reasons,
    }  # fmt: skip


def check_rejections(read: Mapping[str, int], *rejections: Rejections, max_share: float) -> None:
    """Refuse files of which too much was rejected.

    Args:
        read: rows read by file name.
        rejections: one a file.
        max_share: the largest share of a file's rows that may be rejected.

    Raises:
        DataError: naming each such file's reasons with their counts and an example line.
    """
    faults = [
        _describe(found, read[found.file], max_share)
        for found in rejections
        if found.total > max_share * read[found.file] or found.total == read[found.file]
    ]
    if faults:
        raise DataError(faults)


def _describe(found: Rejections, read: int, max_share: float) -> str:
    by_count = sorted(found.counts.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(
        f"{reason} {n} (such as {found.examples[reason][:EXAMPLE_CHARACTERS]!r})"
        for reason, n in by_count
    )
    return (
        f"{found.file}: {found.total} of {read} rows are rejected, and"
        f" cleaning.max_rejected_share is {max_share}: {reasons}"
    )
