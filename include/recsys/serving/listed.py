"""What customers are recommended, beside what they bought."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.compiled import compiled
from recsys.serving.snapshot import Snapshot
from recsys.vectors import fetch

Keys = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
#: A Bloom filter of 64 bits each.
Filters = npt.NDArray[np.uint64]
#: A list is asked for so many looks before it is needed.
AHEAD = 16


class Listed:
    """The articles of every customer's list, by row of `Snapshot.customers` and rank."""

    def __init__(self, snapshot: Snapshot, k: int) -> None:
        self._rows = snapshot.customer_rows
        #: [customers, k], keys; 0 where nothing is.
        self.articles = np.zeros((snapshot.customers.num_rows, k), dtype=np.int32)

    def among(self, purchases: Iterable[pa.RecordBatch]) -> Mask:
        """Return which articles, [customers, k], their customers bought.

        Args:
            purchases: customer_key and article_key, without nulls, as `Snapshot.bought` has them.
        """
        bought = np.zeros(self.articles.shape, dtype=bool)
        filters = _filter_lists(self.articles, self._rows)
        for batch in purchases:
            customers, articles = (column.to_numpy() for column in batch.columns)
            _mark(bought, self.articles, (self._rows, filters), (customers, articles))
        return bought


@compiled
def _hash(article: int) -> np.uint64:
    """Return the bits of a key in a Bloom filter: one or two of 64."""
    return np.uint64(1) << np.uint64(article & 63) | np.uint64(1) << np.uint64(article >> 6 & 63)


@compiled
def _filter_lists(listed: Keys, rows: Keys) -> Filters:
    """Return a filter of each customer's list, [customer keys]; 0 where no customer is."""
    filters = np.zeros(len(rows), np.uint64)
    for key in range(len(rows)):
        if rows[key] >= 0:
            for place in range(listed.shape[1]):
                filters[key] |= _hash(listed[rows[key], place])
    return filters


@compiled
def _mark(
    bought: Mask, listed: Keys, by_key: tuple[Keys, Filters], purchases: tuple[Keys, Keys]
) -> None:
    """Mark what each list, [customers, k], holds of what its customer bought."""
    rows, filters = by_key
    customers, articles = purchases
    likely = _in_filters(filters, customers, articles)
    start, length, last = listed.ctypes.data, listed.strides[0], len(likely) - 1
    for number, at in enumerate(likely):
        ahead = likely[min(number + AHEAD, last)]
        fetch(start + rows[customers[ahead]] * length)
        row, article, found = rows[customers[at]], articles[at], 0
        for place in range(listed.shape[1]):
            found += listed[row, place] == article
        if found:
            for place in range(listed.shape[1]):
                bought[row, place] |= listed[row, place] == article


@compiled
def _in_filters(filters: Filters, customers: Keys, articles: Keys) -> Keys:
    """Return the numbers of those purchases, some tenth, whose articles may be in a list, int32.

    Only for these is a list looked at, which is seldom in a processor's cache.
    """
    likely, count = np.empty(len(customers) + 1, np.int32), 0
    for at in range(len(customers)):
        # A negative key is a large number, and no customer's.
        customer, bits = np.uint32(customers[at]), _hash(articles[at])
        likely[count] = at
        is_likely = customer < np.uint32(len(filters)) and filters[customer] & bits == bits
        count += int(is_likely)
    return likely[:count]
