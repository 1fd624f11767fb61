"""Pieces of raw files cleaned by Spark's workers: each checks pieces, then writes whole days."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import SparkSession

from recsys.cleaning.cleaner import Cleaner, Done
from recsys.cleaning.transactions import ROWS, split_days
from recsys.columns import Columns as C
from recsys.spark import by_workers

#: What goes from one worker to another, and, without the rows, back to the driver: what a piece has
#: of a day, or, with no day, how many rows were read of it. Rows travel as one value, which Java
#: passes on without a look at it.
PARCEL = pa.schema(
    [(C.T_DAT, pa.date32()), ("rows", pa.binary()), ("piece", pa.int32()), ("read", pa.int64())]
)
WRITTEN = pa.schema(
    [(C.T_DAT, pa.date32()), ("digest", pa.string()), ("piece", pa.int32()), ("read", pa.int64())]
)


@dataclass(frozen=True)
class _Worker:
    """What runs in each worker's Python process."""

    cleaner: Cleaner

    def check(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield PARCELs of the pieces whose numbers come in."""
        for batch in batches:
            for piece in batch.column(0).to_pylist():
                read, valid = self.cleaner.check(piece)
                parcels = [(day, _pack(rows), piece, None) for day, rows in split_days(valid)]
                yield _batch([*parcels, (None, None, piece, read)], PARCEL)

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write the days of PARCELs, all of a day's being in one task; yield WRITTEN."""
        days = defaultdict(list)
        written: list[tuple[object, ...]] = []
        for batch in batches:
            columns = (column.to_pylist() for column in batch)
            for day, rows, piece, read in zip(*columns, strict=True):
                if day is None:
                    written.append((None, None, piece, read))
                else:
                    days[day].append(_unpack(rows))
        written += [(day, self.cleaner.write(day, rows), None, None) for day, rows in days.items()]
        yield _batch(written, WRITTEN)


def clean_by_workers(spark: SparkSession, cleaner: Cleaner, *, tasks: int) -> Done:
    """Do the work in Spark's workers, which reach the raw files and the lake by themselves.

    Args:
        spark: the session.
        cleaner: the work.
        tasks: into how many the days are put; each holds its days in memory.
    """
    count = len(cleaner.pieces)
    worker = _Worker(cleaner)
    pieces = spark.range(0, count, 1, count)
    by_day = by_workers(pieces, worker.check, PARCEL).repartition(tasks, C.T_DAT)
    written = by_workers(by_day, worker.write, WRITTEN).collect()
    read = {row.piece: row.read for row in written if row.t_dat is None}
    digests = {row.t_dat: row.digest for row in written if row.t_dat is not None}
    return Done([read[piece] for piece in range(count)], digests)


def _pack(rows: pa.Table) -> bytes:
    [batch] = rows.combine_chunks().to_batches()
    return bytes(batch.serialize())


def _unpack(rows: bytes) -> pa.Table:
    return pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(rows), ROWS)])


def _batch(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [[]] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
