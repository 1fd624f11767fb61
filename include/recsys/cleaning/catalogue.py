"""Articles and customers: typed rows, one an id; the first valid row of an id in the file wins.

Functions over Arrow tables, in one process: a catalogue is small beside its purchases, and whoever
cleans these holds all of its ids anyway.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.cleaning.lines import Fields, refuse, split_commas, split_csv, split_fields
from recsys.cleaning.pieces import PIECE_BYTES, cut_file, read_lines
from recsys.cleaning.reasons import ARTICLE_ID, CUSTOMER_ID, VALID, Faults, Reason, fault
from recsys.columns import Columns as C
from recsys.schemas import (
    AGE_BAND_STARTS,
    AGE_BANDS,
    ARTICLE_NUMBERS,
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    RAW_ARTICLES,
    RAW_CUSTOMERS,
)
from recsys.threads import in_threads

WHOLE_NUMBER = re.compile("[+-]?[0-9]{1,9}")
YEARS = re.compile(r"([0-9]{1,3})(\.0*)?")
YOUNGEST, OLDEST = 1, 120
#: A customer without news is `NONE` in H&M's file, and `None` twice.
NEWS_FREQUENCIES = {"NONE": "NONE", "None": "NONE", "Regularly": "Regularly", "Monthly": "Monthly"}
CLUB_STATUSES = {name: name for name in ("ACTIVE", "PRE-CREATE", "LEFT CLUB")}
FLAGS = {"1": True, "1.0": True, "0": False, "0.0": False}
#: Status values that H&M's description does not know, and that became null.
UNRECOGNISED = "values_unrecognised"

#: A text that is not empty to its value and what is wrong with it.
Judge = Callable[[str], tuple[Any, Reason | None]]
#: The valid rows of lines [n], typed, and the faults [n] of all.
Judged = tuple[pa.Table, Faults]


@dataclass(frozen=True)
class Checked:
    """The rows of one raw file, in its order.

    valid: the columns of the cleaned table but the key, and of customers `values_unrecognised`.
    refused: `lines.REFUSED`.
    """

    valid: pa.Table
    refused: pa.Table

    @property
    def read(self) -> int:
        """How many rows the file has."""
        return len(self.valid) + len(self.refused)

    @property
    def ids(self) -> pa.StringArray:
        """Of the valid rows."""
        return self.valid[0].combine_chunks()

    @property
    def unrecognised(self) -> int:
        """How many status values of the valid customers became null."""
        return int(pc.sum(self.valid[UNRECOGNISED], min_count=0).as_py())


def check_file(
    address: str,
    check: Callable[[pa.BinaryArray], Judged],
    repeat: Reason,
    *,
    piece_bytes: int = PIECE_BYTES,
) -> Checked:
    """Return every row of a raw file: typed, or with the reason why it is set aside.

    Args:
        address: of the file.
        check: `check_articles` or `check_customers`.
        repeat: the reason for each valid row whose id, the first column, a valid row before it has.
        piece_bytes: read at a time, by each thread.
    """
    pieces = cut_file(address, file="", day=None, piece_bytes=piece_bytes)
    lines = [read_lines(piece) for piece in pieces]
    judged = list(in_threads(check, lines))
    valid = pa.concat_tables([table for table, _ in judged])
    faults = np.concatenate([found for _, found in judged])
    repeats = _is_repeat(valid[0].combine_chunks())
    faults[np.flatnonzero(faults == VALID)[repeats]] = fault(repeat)
    return Checked(valid.filter(pa.array(~repeats)), refuse(pa.chunked_array(lines), faults))


def check_articles(lines: pa.BinaryArray) -> Judged:
    """Return the valid articles of lines, which are bytes without header and blank lines.

    Empty fields are null.
    """
    fields = split_fields(lines, split_csv, width=len(RAW_ARTICLES))
    texts = dict(zip(RAW_ARTICLES, fields.columns, strict=True))
    columns = {name: _or_null(texts[name]) for name in RAW_ARTICLES}
    faults = [_judge_id(texts[C.ARTICLE_ID], ARTICLE_ID, Reason.BAD_ARTICLE_ID)]
    for name in ARTICLE_NUMBERS:
        columns[name], found = _judge_texts(texts[name], _judge_number, pa.int32())
        faults.append(found)
    return _conclude(fields, columns, faults, schema=CLEANED_ARTICLES)


def check_customers(lines: pa.BinaryArray) -> Judged:
    """Return the valid customers of lines, which are bytes without header and blank lines.

    Empty fields are null. A club status or news frequency that is not known becomes null;
    `values_unrecognised` counts those of a row. A missing FN or Active stays null: the file has no
    zeros.
    """
    fields = split_fields(lines, split_commas, width=len(RAW_CUSTOMERS))
    texts = dict(zip(RAW_CUSTOMERS, fields.columns, strict=True))
    columns = {name: _or_null(texts[name]) for name in (C.CUSTOMER_ID, "postal_code")}
    faults = [_judge_id(texts[C.CUSTOMER_ID], CUSTOMER_ID, Reason.BAD_CUSTOMER_ID)]
    judges: dict[str, tuple[str, Judge, pa.DataType]] = {
        "fn": ("FN", _judge_flag, pa.bool_()),
        "active": ("Active", _judge_flag, pa.bool_()),
        "club_member_status": ("club_member_status", _judge_status, pa.string()),
        "fashion_news_frequency": ("fashion_news_frequency", _judge_news, pa.string()),
        C.AGE: (C.AGE, _judge_years, pa.int16()),
    }
    for name, (raw, judge, kind) in judges.items():
        columns[name], found = _judge_texts(texts[raw], judge, kind)
        faults.append(found)
    columns[C.AGE_BAND] = _age_bands(columns[C.AGE])
    unknown = [
        pc.and_(pc.is_null(columns[name]), pc.not_equal(texts[name], "")).cast(pa.int8())
        for name in ("club_member_status", "fashion_news_frequency")
    ]
    columns[UNRECOGNISED] = pc.add(*unknown)
    return _conclude(fields, columns, faults, schema=CLEANED_CUSTOMERS)


def keep(checked: Checked, keys: NDArray[np.int32], schema: pa.Schema) -> pa.Table:
    """Return the valid rows as CLEANED_ARTICLES or CLEANED_CUSTOMERS, by ascending key.

    Args:
        checked: what `check_file` returned.
        keys: int32 [n], of its valid rows.
        schema: of the two, which one.
    """
    order = pa.array(np.argsort(keys))
    columns = {schema.names[0]: pa.array(keys), **dict(zip(
        checked.valid.column_names, checked.valid.columns, strict=True
    ))}  # fmt: skip
    return pa.table([columns[name] for name in schema.names], schema=schema).take(order)


def _conclude(
    fields: Fields, columns: dict[str, pa.Array], faults: list[Faults], *, schema: pa.Schema
) -> Judged:
    """Return the rows without a fault, in a cleaned table's order, and the first fault of all."""
    first = np.minimum.reduce(faults)
    names = [name for name in schema.names if name in columns]
    names += [name for name in columns if name not in names]
    table = pa.table([columns[name] for name in names], names=names)
    return table.filter(pa.array(first == VALID)), fields.all_faults(first)


def _or_null(texts: pa.StringArray) -> pa.StringArray:
    """Return texts, the empty ones as null."""
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _is_repeat(ids: pa.StringArray) -> NDArray[np.bool_]:
    """Return which ids [n] stand there before."""
    codes = ids.dictionary_encode().indices.to_numpy()  # an id's first place has a new code
    return np.asarray(np.append(-1, np.maximum.accumulate(codes))[: len(codes)] >= codes)


def _judge_id(texts: pa.StringArray, pattern: str, malformed: Reason) -> Faults:
    is_id = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return np.where(is_id, VALID, fault(malformed)).astype(np.int8)


def _judge_texts(texts: pa.StringArray, judge: Judge, kind: pa.DataType) -> tuple[pa.Array, Faults]:
    """Return what a judge says of each text [n]; each distinct one is judged once, "" is null."""
    coded = texts.dictionary_encode()
    judged = [judge(text) if text else (None, None) for text in coded.dictionary.to_pylist()]
    values = pa.array([value for value, _ in judged], kind)
    faults = np.array([fault(reason) for _, reason in judged], np.int8)
    return values.take(coded.indices), faults[coded.indices.to_numpy()]


def _judge_number(text: str) -> tuple[int | None, Reason | None]:
    return (int(text), None) if WHOLE_NUMBER.fullmatch(text) else (None, Reason.BAD_NUMBER)


def _judge_flag(text: str) -> tuple[bool | None, Reason | None]:
    return FLAGS.get(text), None if text in FLAGS else Reason.BAD_NUMBER


def _judge_status(text: str) -> tuple[str | None, Reason | None]:
    return CLUB_STATUSES.get(text), None


def _judge_news(text: str) -> tuple[str | None, Reason | None]:
    return NEWS_FREQUENCIES.get(text), None


def _judge_years(text: str) -> tuple[int | None, Reason | None]:
    found = YEARS.fullmatch(text)
    years = int(found[1]) if found else 0
    return (years, None) if YOUNGEST <= years <= OLDEST else (None, Reason.BAD_AGE)


def _age_bands(years: pa.Int16Array) -> pa.StringArray:
    """Return the segment of each age, `unknown` for null."""
    *bands, unknown = AGE_BANDS
    places = np.searchsorted(AGE_BAND_STARTS, years.fill_null(0).to_numpy(), side="right") - 1
    known = pa.array(bands).take(pa.array(places))
    return pc.if_else(pc.is_null(years), unknown, known)
