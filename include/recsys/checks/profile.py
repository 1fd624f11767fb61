"""What a table looks like, in one pass: rows, nulls and values outside, and its days and keys."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from recsys.columns import Columns as C
from recsys.config import Band


@dataclass
class Profile:
    """Counts of one table; `nulls` and `outside` by column."""

    dataset: str
    schema: pa.Schema
    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    #: Values that are not null, and not within the band asked for.
    outside: Counter[str] = field(default_factory=Counter)


def profile_table(
    dataset: str,
    scan: pyarrow.dataset.Dataset,
    *,
    values: Mapping[str, Band],
    watchers: Sequence[Callable[[pa.RecordBatch], None]] = (),
) -> Profile:
    """Return the profile of a table, read once in batches that watchers see too.

    Args:
        dataset: the table's name.
        scan: its columns and rows.
        values: for some of its columns, the band in which their values are right.
        watchers: called with each batch, in the table's order.
    """
    found = Profile(dataset, scan.schema)
    bands = {name: band for name, band in values.items() if name in scan.schema.names}
    for batch in scan.to_batches():
        found.rows += batch.num_rows
        found.nulls.update({n: batch.column(n).null_count for n in batch.schema.names})
        found.outside.update({n: _count_outside(batch.column(n), b) for n, b in bands.items()})
        for watch in watchers:
            watch(batch)
    return found


def _count_outside(values: pa.Array, band: Band) -> int:
    outside = [pc.is_nan(values)] if pa.types.is_floating(values.type) else []
    if band.low is not None:
        outside.append(pc.less(values, pa.scalar(band.low)))
    if band.high is not None:
        outside.append(pc.greater(values, pa.scalar(band.high)))
    return sum(pc.sum(mask).as_py() or 0 for mask in outside)


class Days:
    """Adds up the rows and the pieces of each day."""

    def __init__(self) -> None:
        self.rows: Counter[date] = Counter()
        self.pieces: Counter[date] = Counter()

    def __call__(self, batch: pa.RecordBatch) -> None:
        """Count a batch of transactions."""
        table = pa.Table.from_batches([batch.select([C.T_DAT, C.QUANTITY])])
        days = table.group_by(C.T_DAT).aggregate([([], "count_all"), (C.QUANTITY, "sum")])
        for row in days.to_pylist():
            if row[C.T_DAT] is not None:
                self.rows[row[C.T_DAT]] += row["count_all"]
                self.pieces[row[C.T_DAT]] += row[f"{C.QUANTITY}_sum"] or 0


class Keys:
    """Counts how often each key occurs in a column; keys are dense, so an array holds them all."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def __call__(self, batch: pa.RecordBatch) -> None:
        """Count a batch; nulls are for another check to find."""
        keys = batch.column(self.column).drop_null().to_numpy(zero_copy_only=False)
        counts = np.bincount(keys, minlength=len(self.counts))
        counts[: len(self.counts)] += self.counts
        self.counts = counts

    @property
    def distinct(self) -> int:
        """How many keys occur."""
        return int(np.count_nonzero(self.counts))

    @property
    def repeated(self) -> int:
        """How many rows repeat the key of another."""
        return int(self.counts.sum()) - self.distinct

    def missing_in(self, other: "Keys") -> int:
        """Return how many of the keys here never occur in the other column."""
        present = np.flatnonzero(self.counts)
        known = present[present < len(other.counts)]
        return len(present) - int(np.count_nonzero(other.counts[known]))


class Orphans:
    """Counts the rows whose key never occurs in another table."""

    def __init__(self, column: str, known: Keys) -> None:
        self.column = column
        self.rows = 0
        self._known = known.counts > 0

    def __call__(self, batch: pa.RecordBatch) -> None:
        """Count a batch; nulls are for another check to find."""
        keys = batch.column(self.column).drop_null().to_numpy(zero_copy_only=False)
        possible = keys[(keys >= 0) & (keys < len(self._known))]
        self.rows += len(keys) - int(np.count_nonzero(self._known[possible]))
