"""Purchases before a cutoff as arrays, and one entry for each customer and article."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import Columns as C

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Sums of doubles depend on their order; sums of whole numbers do not.
PRICE_UNITS = 1_000_000_000
#: Pieces are counted in the last so many days before the cutoff.
WINDOWS = (1, 3, 7, 14, 30)
#: The columns of cleaned.transactions that features are made of: all of them.
COLUMNS = (C.T_DAT, C.CUSTOMER_KEY, C.ARTICLE_KEY, C.PRICE, C.SALES_CHANNEL_ID, C.QUANTITY)


@dataclass(frozen=True)
class Purchases:
    """n rows of cleaned.transactions before a cutoff, in any order; every array is int64 [n].

    customers, articles: keys.
    days_ago: days before the cutoff, >= 1.
    pieces: the quantity.
    spend: what the pieces cost together, in PRICE_UNITS.
    online_pieces: the quantity where the channel is 2, else 0.
    """

    customers: Ints
    articles: Ints
    days_ago: Ints
    pieces: Ints
    spend: Ints
    online_pieces: Ints

    @classmethod
    def of(cls, transactions: pa.Table, *, cutoff: date) -> Self:
        """Return the purchases before the cutoff of a cleaned.transactions table."""
        days_ago = (np.datetime64(cutoff) - transactions[C.T_DAT].to_numpy()).astype(np.int64)
        rows = np.flatnonzero(days_ago >= 1)
        customers, articles, prices, channels, pieces = (
            transactions[name].to_numpy()[rows] for name in COLUMNS[1:]
        )
        pieces = pieces.astype(np.int64)
        return cls(
            customers=customers.astype(np.int64),
            articles=articles.astype(np.int64),
            days_ago=days_ago[rows],
            pieces=pieces,
            spend=np.rint(prices * PRICE_UNITS).astype(np.int64) * pieces,
            online_pieces=np.where(channels == 2, pieces, 0),
        )

    def within(self, days: int) -> Self:
        """Return those of the last so many days before the cutoff."""
        return self.take(self.days_ago <= days)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the rows that a mask [n] or an index array picks."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Pairs:
    """One entry for each customer and article that the customer bought; every array is int64 [p].

    Ordered by customer, then the latest purchase first, then the higher article key.

    customers, articles: keys.
    days_since, first_days_since: days since the last and the first purchase, >= 1.
    pieces, spend: of all purchases, as in `Purchases`.
    """

    customers: Ints
    articles: Ints
    days_since: Ints
    first_days_since: Ints
    pieces: Ints
    spend: Ints

    @classmethod
    def of(cls, purchases: Purchases) -> Self:
        """Return the pairs of purchases."""
        order = np.argsort(pack(purchases.customers, purchases.articles))
        bought = purchases.take(order)
        starts = starts_of(bought.customers, bought.articles)
        pairs = cls(
            customers=bought.customers[starts],
            articles=bought.articles[starts],
            days_since=reduce(np.minimum, bought.days_ago, starts),
            first_days_since=reduce(np.maximum, bought.days_ago, starts),
            pieces=reduce(np.add, bought.pieces, starts),
            spend=reduce(np.add, bought.spend, starts),
        )
        highest = pairs.articles.max(initial=0)
        latest = np.argsort(pack(pairs.customers, pairs.days_since, highest - pairs.articles))
        return pairs.take(latest)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the entries that a mask [p] or an index array picks."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


def pack(*columns: Ints) -> Ints:
    """Return one whole number a row that sorts as the columns do, the first one first.

    >>> pack(np.array([1, 1, 0]), np.array([2, 3, 3])).tolist()
    [6, 7, 3]

    Args:
        columns: int64 [n] each, none of them negative.

    Raises:
        OverflowError: they need more than 63 bits.
    """
    widths = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(widths) > 63:
        raise OverflowError(f"columns of {widths} bits do not fit into one number of 63")
    packed = np.zeros(len(columns[0]), np.int64)
    for column, width in zip(columns, widths, strict=True):
        packed = packed << width | column
    return packed


def starts_of(*columns: Ints) -> Ints:
    """Return where each run of equal rows begins, of sorted columns [n]."""
    if not len(columns[0]):
        return np.empty(0, np.int64)
    changes = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return np.flatnonzero(np.append(True, changes))


def places_of(*columns: Ints) -> Ints:
    """Return the place of each row within its run of equal rows, from 0; see `starts_of`."""
    starts = starts_of(*columns)
    total = len(columns[0])
    return np.arange(total) - np.repeat(starts, np.diff(np.append(starts, total)))


def reduce(operation: np.ufunc, values: Ints, starts: Ints) -> Ints:
    """Return the sum, the least or the greatest of each run, which may be none at all."""
    return operation.reduceat(values, starts) if len(starts) else np.empty(0, np.int64)


def count_windows(keys: Ints, purchases: Purchases, *, size: int) -> dict[int, Ints]:
    """Return days -> pieces int64 [size] in that window by key, for each of WINDOWS.

    Args:
        keys: int64 [n], the customers or the articles of the purchases.
        purchases: at least those of the longest window.
        size: one above the highest key.
    """
    counts = {}
    for days in WINDOWS:
        inside = purchases.days_ago <= days
        counts[days] = sum_by(keys[inside], purchases.pieces[inside], size=size)
    return counts


def sum_by(keys: Ints, values: Ints, *, size: int) -> Ints:
    """Return the sums of values [n] by key, int64 [size]; exact up to 2^53."""
    return np.rint(np.bincount(keys, values, minlength=size)).astype(np.int64)


def mean_price(spend: Ints, pieces: Ints) -> Floats:
    """Return the price a piece, of a spend in PRICE_UNITS; NaN where nothing was bought."""
    return np.where(pieces > 0, spend / np.maximum(pieces, 1) / PRICE_UNITS, np.nan)
