"""Transactions: typed rows with keys instead of ids; identical rows become one with a quantity.

Functions over Arrow tables, for Spark's workers and for a process without Spark alike.
"""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.cleaning.fields import Limits, judge_fields
from recsys.cleaning.known import Known
from recsys.cleaning.lines import refuse, split_commas, split_fields
from recsys.cleaning.reasons import VALID
from recsys.columns import Columns as C
from recsys.schemas import CLEANED_TRANSACTIONS, RAW_TRANSACTIONS

#: Valid rows before they are counted.
ROWS = pa.schema([field for field in CLEANED_TRANSACTIONS if field.name != C.QUANTITY])


def check_transactions(
    lines: pa.BinaryArray, known: Known, limits: Limits, *, day: date | None = None
) -> tuple[pa.Table, pa.Table]:
    """Return the valid rows as ROWS and the others as REFUSED, both in the order of the lines.

    Args:
        lines: as bytes, without header and blank lines.
        known: the valid articles and customers.
        limits: for days and prices.
        day: the day that every row must be of; None for any.
    """
    fields = split_fields(lines, split_commas, width=len(RAW_TRANSACTIONS))
    columns, found = judge_fields(fields.columns, known, limits, day)
    valid = pa.table([column[found == VALID] for column in columns], schema=ROWS)
    return valid, refuse(pa.chunked_array([lines]), fields.all_faults(found))


def collapse(rows: pa.Table) -> pa.Table:
    """Return ROWS of one day as `schemas.CLEANED_TRANSACTIONS`.

    Rows equal in every column become one; `quantity` says how many they were. They are sorted by
    customer, article, price and channel.
    """
    columns = [rows[name].to_numpy() for name in ROWS.names]
    order = np.lexsort(columns[:0:-1])  # the last is the first to sort by
    columns = [column[order] for column in columns]
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    starts = np.flatnonzero(np.append(True, changes))[: len(order)]
    quantities = np.diff(np.append(starts, len(order))).astype(np.int32)
    distinct = [column[starts] for column in columns]
    return pa.table([*distinct, quantities], schema=CLEANED_TRANSACTIONS)


def split_days(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """Yield each day of ROWS with its rows, in ascending order."""
    days = rows[C.T_DAT].to_numpy()
    if (days[1:] < days[:-1]).any():
        order = np.argsort(days, kind="stable")
        rows, days = rows.take(pa.array(order)), days[order]
    found, starts, counts = np.unique(days, return_index=True, return_counts=True)
    for day, start, count in zip(found, starts, counts, strict=True):
        yield day.item(), rows.slice(start, count)


def digest(transactions: pa.Table) -> str:
    """Return 16 hexadecimal digits that depend on the rows alone, not on their order.

    The rows are distinct, so that the exclusive or of their hashes says which they are. A row's
    hash takes up the bits of one column after the other and mixes them as SplitMix64 does (Steele,
    Lea and Flood, Fast splittable pseudorandom number generators, 2014).
    """
    hashes = np.zeros(len(transactions), np.uint64)
    for name in CLEANED_TRANSACTIONS.names:
        column = transactions[name].to_numpy()
        bits = column.view(np.uint64) if column.itemsize == 8 else column.astype(np.uint64)
        hashes = _mix(hashes ^ bits)
    return f"{np.bitwise_xor.reduce(hashes):016x}"


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = bits ^ bits >> np.uint64(31)
    return mixed
