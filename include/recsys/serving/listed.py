"""What customers are recommended, beside what they bought."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.compiled import compiled
from recsys.serving.snapshot import Snapshot

Keys = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


class Listed:
    """The articles of every customer's list, by row of `Snapshot.customers` and rank."""

    def __init__(self, snapshot: Snapshot, k: int) -> None:
        self._rows = snapshot.customer_rows
        #: [customers, k], keys; 0 where nothing is.
        self.articles = np.zeros((snapshot.customers.num_rows, k), dtype=np.int32)

    def among(self, purchases: pa.Table) -> Mask:
        """Return which articles, [customers, k], their customers bought.

        Args:
            purchases: customer_key and article_key, without nulls, as `Snapshot.bought` has them.
        """
        bought = np.zeros(self.articles.shape, dtype=bool)
        for batch in purchases.to_batches():
            customers, articles = (column.to_numpy() for column in batch.columns)
            _mark(bought, self.articles, self._rows, customers, articles)
        return bought


@compiled
def _mark(bought: Mask, listed: Keys, rows: Keys, customers: Keys, articles: Keys) -> None:
    for at in range(len(customers)):
        # A negative key is a large number, and no customer's.
        customer, article = np.uint32(customers[at]), articles[at]
        if customer < np.uint32(len(rows)) and rows[customer] >= 0:
            row = np.uint32(rows[customer])
            found = 0
            for place in range(listed.shape[1]):
                found += listed[row, place] == article
            if found:
                for place in range(listed.shape[1]):
                    bought[row, place] |= listed[row, place] == article
