"""What each customer bought before a cutoff, out of the transactions themselves."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import and_
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.inference.ragged import Keys, Ragged
from recsys.paths import Partition
from recsys.storage import Lake

#: A day of purchase weighs exp(-days / this) in the column of that name, summed over the days.
DECAYS: dict[str, float] = {
    "decayed_14": 14.0, "decayed_30": 30.0, "decayed_60": 60.0, "decayed_120": 120.0,
}  # fmt: skip
#: Of 15, 30, 60, 120 days and plain recency, the best order of past purchases on real grocery
#: purchases; one-off purchases it leaves by recency.
AFFINITY = "decayed_60"
#: One row a customer and article, in the order of their keys.
PURCHASES = pa.schema(
    [
        (C.CUSTOMER_KEY, pa.int32()),
        (C.ARTICLE_KEY, pa.int32()),
        (C.QUANTITY, pa.int32()),  # pieces
        ("days_since", pa.int32()),  # from the last purchase to the cutoff, >= 1
        ("first_days_since", pa.int32()),  # from the first one
        ("purchase_days", pa.int32()),  # distinct days
        ("mean_price", pa.float32()),  # paid for a piece
        *((name, pa.float32()) for name in DECAYS),
    ]
)


#: What is known of each purchase, columns of `PastPurchases.facts`.
FACTS: tuple[str, ...] = PURCHASES.names[2:]


@dataclass(frozen=True, eq=False)
class PastPurchases:
    """What each customer bought before a cutoff; row = customer key.

    articles: keys ascend in a row; a weight is how much the customer likes the article, which is
        AFFINITY of it.
    facts: float32 [entries of articles, FACTS].
    """

    articles: Ragged
    facts: NDArray[np.float32]

    @classmethod
    def of(cls, table: pa.Table, *, customers: int) -> Self:
        """Return the rows of a PURCHASES table, for so many customer keys."""
        owners, keys = table[C.CUSTOMER_KEY].to_numpy(), table[C.ARTICLE_KEY].to_numpy()
        articles = Ragged.group(owners, keys, table[AFFINITY].to_numpy(), count=customers)
        return cls(articles, np.stack([_floats(table[name]) for name in FACTS], axis=1))

    def take(self, customer_keys: Keys) -> Self:
        """Return the rows of customers [n], in their order."""
        offsets, entries = self.articles.entries_of(customer_keys)
        articles = Ragged(offsets, self.articles.keys[entries], self.articles.weights[entries])
        return type(self)(articles, self.facts[entries])

    def fact(self, name: str) -> NDArray[np.float32]:
        """Return one of FACTS of every entry, [entries]."""
        return self.facts[:, FACTS.index(name)]


def read_purchases(
    lake: Lake,
    transactions: Partition,
    *,
    cutoff: date,
    days: int | None = None,
    customer_keys: Keys | None = None,
) -> pa.Table:
    """Return PURCHASES as of a cutoff, of all or of the given customers.

    Args:
        lake: where the transactions are.
        transactions: cleaned.transactions of any run date; only days before the cutoff are read.
        cutoff: purchases on this day and later do not count.
        days: count only purchases of the last so many days before the cutoff.
        customer_keys: count only these customers.

    Raises:
        MissingPartitionError: the transactions were never committed.
        DataError: there is no day before the cutoff.
    """
    conditions = [pc.field(C.T_DAT) < cutoff]
    if days is not None:
        conditions.append(pc.field(C.T_DAT) >= cutoff - timedelta(days=days))
    if customer_keys is not None:
        conditions.append(pc.field(C.CUSTOMER_KEY).isin(customer_keys))
    rows = lake.read(
        transactions,
        columns=[C.CUSTOMER_KEY, C.ARTICLE_KEY, C.QUANTITY, C.PRICE, C.T_DAT],
        filter=reduce(and_, conditions),
        before=str(cutoff),
    )
    return _sum_up(rows, cutoff=cutoff)


def _sum_up(rows: pa.Table, *, cutoff: date) -> pa.Table:
    """Return PURCHASES of transactions, by one sort: Arrow's group_by takes twice the time."""
    if not len(rows):
        return PURCHASES.empty_table()
    days = (cutoff - date(1970, 1, 1)).days - rows[C.T_DAT].cast(pa.int32()).to_numpy()
    # One number a customer and article: once sorted, the rows of a pair stand together, and those
    # of a later day after those of an earlier one, as the lake has them.
    pairs = rows[C.CUSTOMER_KEY].to_numpy().astype(np.int64) << 32
    pairs |= rows[C.ARTICLE_KEY].to_numpy()
    in_order = (np.diff(days) <= 0).all()
    order = np.argsort(pairs, kind="stable") if in_order else np.lexsort((-days, pairs))
    pairs, days = pairs[order], days[order]
    starts = np.flatnonzero(np.r_[True, pairs[1:] != pairs[:-1]])
    new_day = np.r_[True, days[1:] != days[:-1]]
    new_day[starts] = True
    pairs = pairs[starts]
    quantity = rows[C.QUANTITY].to_numpy()[order]
    pieces = np.add.reduceat(quantity, starts, dtype=np.int32)
    spend = np.add.reduceat(rows[C.PRICE].to_numpy()[order] * quantity, starts)
    every_day = np.arange(days.max() + 1, dtype=np.float32)
    decayed = {
        name: np.add.reduceat(np.exp(-every_day / np.float32(tau))[days] * new_day, starts)
        for name, tau in DECAYS.items()
    }
    return pa.table(
        {
            C.CUSTOMER_KEY: (pairs >> 32).astype(np.int32),
            C.ARTICLE_KEY: (pairs & 0xFFFFFFFF).astype(np.int32),
            C.QUANTITY: pieces,
            "days_since": days[np.append(starts[1:], len(days)) - 1],
            "first_days_since": days[starts],
            "purchase_days": np.add.reduceat(new_day, starts, dtype=np.int32),
            "mean_price": (spend / pieces).astype(np.float32),
            **decayed,
        },
        schema=PURCHASES,
    )


def _floats(column: pa.ChunkedArray) -> NDArray[np.float32]:
    return np.asarray(column.to_numpy(), np.float32)
