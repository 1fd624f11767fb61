"""Lines of raw files as Arrow arrays: which are no text, their fields, and what is set aside."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.cleaning.reasons import ORDER, VALID, Faults, Reason, fault
from recsys.columns import Columns as C
from recsys.schemas import REJECTED

REFUSED = pa.schema([(C.REASON, pa.string()), (C.LINE, pa.string())])
#: Texts [n] to their fields, a list each.
Split = Callable[[pa.StringArray], pa.ListArray]


@dataclass(frozen=True)
class Fields:
    """The fields of those of n lines that have the right number of them.

    columns: one array of m texts for each field.
    rows: int64 [m], which lines these are.
    faults: int8 [n], VALID for these and for no other.
    """

    columns: list[pa.StringArray]
    rows: NDArray[np.int64]
    faults: Faults

    def all_faults(self, found: Faults) -> Faults:
        """Return int8 [n], with what was found wrong with the fields [m]."""
        faults = self.faults.copy()
        faults[self.rows] = found
        return faults


def split_fields(lines: pa.BinaryArray, split: Split, *, width: int) -> Fields:
    """Return the fields of lines, which are bytes without header and blank lines."""
    faults = np.full(len(lines), VALID, np.int8)
    faults[_is_not_utf8(lines)] = fault(Reason.NOT_UTF8)
    rows = np.flatnonzero(faults == VALID)
    fields = split(lines.take(pa.array(rows)).cast(pa.string()))
    is_whole = pc.list_value_length(fields).to_numpy() == width
    faults[rows[~is_whole]] = fault(Reason.WRONG_COLUMN_COUNT)
    texts = fields.filter(pa.array(is_whole)).flatten()
    places = np.arange(0, len(texts), width)
    columns = [texts.take(pa.array(places + place)) for place in range(width)]
    return Fields(columns, rows[is_whole], faults)


def split_commas(texts: pa.StringArray) -> pa.ListArray:
    """Return the fields of texts in which no field may hold a comma; a whole one may be quoted.

    >>> split_commas(pa.array(['a,"b",', '"a,b"'])).to_pylist()
    [['a', 'b', ''], ['"a', 'b"']]
    """
    fields = pc.split_pattern(texts, ",")
    values = fields.flatten()
    quoted = pc.match_substring(values, '"')
    if not pc.any(quoted).as_py():
        return fields
    bare = pc.replace_substring_regex(values.filter(quoted), '^"([^"]*)"$', "\\1")
    return pa.ListArray.from_arrays(fields.offsets, pc.replace_with_mask(values, quoted, bare))


def split_csv(texts: pa.StringArray) -> pa.ListArray:
    """Return the fields of texts by the rules of Kaggle's files; none of a text that breaks them.

    A quoted field may hold commas, and a quote as two quotes; each text is a row of its own.

    >>> split_csv(pa.array(['1,"a, ""b"" c",', '1,"2,3'])).to_pylist()
    [['1', 'a, "b" c', ''], []]
    """
    return pa.array(map(_parse, texts.to_pylist()), pa.list_(pa.string()))


def refuse(lines: pa.ChunkedArray, faults: Faults) -> pa.Table:
    """Return REFUSED: the lines with a fault, each undecodable byte as U+FFFD."""
    places = np.flatnonzero(faults != VALID)
    text = [line.decode(errors="replace") for line in lines.take(pa.array(places)).to_pylist()]
    return pa.table([[str(ORDER[f]) for f in faults[places]], text], schema=REFUSED)


def set_aside(refused: pa.Table, file: str) -> pa.Table:
    """Return REFUSED rows of a raw file as `schemas.REJECTED`."""
    named = refused.append_column(C.FILE, pa.array([file] * len(refused), pa.string()))
    return named.select(REJECTED.names)


def _parse(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:  # a quote that is not closed, or not doubled
        return []


def _is_not_utf8(lines: pa.BinaryArray) -> NDArray[Any]:
    """Return which lines [n] are not UTF-8, or hold the mark that lost bytes leave."""
    try:
        text = lines.cast(pa.string())
    except pa.ArrowInvalid:
        lost = ["\ufffd" in line.decode(errors="replace") for line in lines.to_pylist()]
        return np.array(lost, np.bool_)
    return np.asarray(pc.match_substring(text, "\ufffd"), np.bool_)
