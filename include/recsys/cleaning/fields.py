"""The fields of transactions: what each text means, and what is wrong with it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.cleaning.known import Ids, Known, ScannedIds
from recsys.cleaning.reasons import ARTICLE_ID, CUSTOMER_ID, VALID, Faults, Reason, fault
from recsys.columns import PADDING_KEY

#: `float` alone would take `1_0`, ` 1` and `nan`.
NUMBER = re.compile("[-+0-9.eE]+")
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: Values [n], and their faults [n].
Judged = tuple[NDArray[Any], Faults]


@dataclass(frozen=True)
class Limits:
    """What a valid row may hold.

    today: the last day that is not in the future, UTC.
    max_price: the highest price that is not absurd. A price of zero is valid.
    """

    today: date
    max_price: float


def judge_fields(
    columns: Sequence[pa.StringArray], known: Known, limits: Limits, day: date | None
) -> tuple[list[NDArray[Any]], Faults]:
    """Return day, customer key, article key, price and channel [n each], and the first faults [n].

    A text is judged once, however many rows have it. Values hold no promise where there is a fault.

    Args:
        columns: the texts [n] of each of `schemas.RAW_TRANSACTIONS`.
        known: the valid articles and customers.
        limits: for days and prices.
        day: the day that every row must be of; None for any.
    """
    judges: list[Callable[[pa.StringArray], Judged]] = [
        lambda texts: _judge_each(
            texts, lambda text: _judge_day(text, limits, day), "datetime64[D]"
        ),
        lambda texts: _judge_ids(
            texts, known.customers, CUSTOMER_ID, Reason.BAD_CUSTOMER_ID, Reason.UNKNOWN_CUSTOMER
        ),
        lambda texts: _judge_ids(
            texts, known.articles, ARTICLE_ID, Reason.BAD_ARTICLE_ID, Reason.UNKNOWN_ARTICLE
        ),
        lambda texts: _judge_each(texts, lambda text: _judge_price(text, limits), "float64"),
        lambda texts: _judge_each(texts, _judge_channel, "int8"),
    ]
    found, first = [], np.full(len(columns[0]), VALID, np.int8)
    for texts, judge in zip(columns, judges, strict=True):
        coded = texts.dictionary_encode()
        codes = coded.indices.to_numpy()
        values, faults = judge(coded.dictionary)
        found.append(values[codes])
        first = np.minimum(first, faults[codes])
    return found, first


def _judge_each(
    texts: pa.StringArray, judge: Callable[[str], tuple[Any, Reason | None]], dtype: str
) -> Judged:
    """Return what a function of one text gives for each."""
    judged = [judge(text) for text in texts.to_pylist()]
    values = np.array([value for value, _ in judged], dtype)
    return values, np.array([fault(reason) for _, reason in judged], np.int8)


def _judge_ids(
    texts: pa.StringArray, known: Ids | ScannedIds, pattern: str, malformed: Reason, unknown: Reason
) -> Judged:
    keys = known.find(texts)
    faults = np.full(len(texts), VALID, np.int8)
    # An id that has a key is well-formed; only the others are worth a pattern.
    places = np.flatnonzero(keys == PADDING_KEY)
    is_id = np.asarray(pc.match_substring_regex(texts.take(pa.array(places)), pattern), np.bool_)
    faults[places] = np.where(is_id, fault(unknown), fault(malformed))
    return keys, faults


def _judge_day(text: str, limits: Limits, day: date | None) -> tuple[date | None, Reason | None]:
    # `fromisoformat` alone would take 20200921 and 2020-W39-1.
    if not DAY.fullmatch(text):
        return None, Reason.BAD_DATE
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None, Reason.BAD_DATE
    if found > limits.today:
        return found, Reason.DATE_IN_FUTURE
    return found, Reason.WRONG_DAY if day not in (None, found) else None


def _judge_price(text: str, limits: Limits) -> tuple[float, Reason | None]:
    try:
        price = float(text) if NUMBER.fullmatch(text) else float("nan")
    except ValueError:
        price = float("nan")
    if not np.isfinite(price):
        return price, Reason.BAD_PRICE
    if price < 0:
        return price, Reason.NEGATIVE_PRICE
    # Adding makes -0.0 the zero that it equals.
    return price + 0.0, Reason.ABSURD_PRICE if price > limits.max_price else None


def _judge_channel(text: str) -> tuple[int, Reason | None]:
    return (int(text), None) if text in ("1", "2") else (0, Reason.BAD_CHANNEL)
