"""How mixed a list is: caps on articles of one kind, and places for new articles.

A list is chosen by score: first the new articles that it must have, then the best of all others,
each only where no kind would be there too often. With two sorts of kinds such a choice may end
early though a longer list exists, but never below half of the longest one (two matroids; Korte and
Hausmann 1978). So candidates are filled up until a list of twice the length can be made of them,
where the articles on sale allow it; where they do not, a list that exists may not be found, and
the run stops.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.config import RecommendationsConfig
from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.limits_kernel import FAR, Orders, Rules, choose, supply
from recsys.inference.policy import Segments, add_popular
from recsys.inference.ragged import Keys, Ragged

Mask = NDArray[np.bool_]

#: A setting, and the column of cleaned.articles that it caps.
CAPS: dict[str, str] = {
    "max_per_product": C.PRODUCT_CODE,
    "max_per_type": "product_type_name",
}


@dataclass(frozen=True, eq=False)
class Limits:
    """What lists of `k` may hold, and must.

    k: the length of a list.
    rules: caps and new articles.
    orders: what lists are filled with.
    """

    k: int
    rules: Rules
    orders: Orders

    @classmethod
    def of(
        cls,
        articles: pa.Table,
        features: pa.Table,
        popular: Keys,
        is_on_sale: Mask,
        config: RecommendationsConfig,
    ) -> Self:
        """Return the limits that settings ask for.

        Args:
            articles: cleaned.articles: article_key and the columns of CAPS.
            features: features.articles: article_key and days_on_sale.
            popular: [segments, m], the articles to fill with; those on sale come first.
            is_on_sale: [articles].
            config: caps, k, and how many of a list are new.

        Raises:
            DataError: not even all articles together make one such list.
        """
        caps = {column: most for name, column in CAPS.items() if (most := getattr(config, name))}
        keys, size = articles[C.ARTICLE_KEY].to_numpy(), len(is_on_sale)
        kinds = np.full((len(caps), size), -1, np.int32)
        for row, column in enumerate(caps):
            codes = articles[column].combine_chunks().dictionary_encode().indices
            kinds[row, keys] = pc.fill_null(codes, -1).to_numpy()
        most = np.array(list(caps.values()), np.int32)
        is_new = _is_new(features, config.new_days, size)
        rules = Rules(kinds, most, is_new, config.new_places)
        new = popular[is_new[popular]].reshape(len(popular), -1)
        on_sale = [int(is_on_sale[order[0]].sum()) for order in (popular, new)]
        orders = Orders(popular, new, np.minimum(on_sale, FAR))
        limits = cls(config.k, rules, orders)
        limits._require_one_list()
        return limits

    def fill(self, candidates: Candidates, segments: Segments, excluded: Ragged) -> Candidates:
        """Return the candidates with popular articles added where no list could be made of them.

        Args:
            candidates: of n customers; what is excluded is already gone.
            segments: [n], a row of `orders` for each customer.
            excluded: rows are customer keys; articles ascend.
        """
        own = excluded.take(candidates.customer_keys)
        added = supply(
            self.rules,
            ((candidates.offsets, candidates.article_keys), (own.offsets, own.keys)),
            self.orders,
            np.asarray(segments, np.int64),
            self.k,
        )
        filled = Ragged.of_matrix(added)
        return add_popular(candidates, filled.rows, filled.keys)

    def choose(self, candidates: Candidates, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return [n, k], which candidates make each customer's list, best first.

        Args:
            candidates: of n customers.
            order: [pairs], by customer and descending score.

        Raises:
            DataError: no such list was found among a customer's candidates.
        """
        rows = (candidates.offsets, candidates.article_keys)
        chosen, found, new = choose(self.rules, rows, order, self.k)
        short = (found < self.k) | (new < self.rules.new)
        if short.any():
            raise DataError(self._too_few(int(short.sum()), found[short], new[short]))
        return chosen

    def _require_one_list(self) -> None:
        nothing = np.zeros(2, np.int64), np.empty(0, np.int32)
        segments = np.zeros(1, np.int64)
        added = supply(self.rules, (nothing, nothing), self.orders, segments, self.k)[0]
        added = added[added > 0]
        new = self.rules.is_new[added].sum()
        if len(added) < self.k or new < self.rules.new:
            raise DataError(self._too_few(None, np.array([len(added)]), np.array([new])))

    def _too_few(self, customers: int | None, found: NDArray[Any], new: NDArray[Any]) -> str:
        who = "nobody can" if customers is None else f"{customers} customers cannot"
        return (
            f"{who} get {self.k} articles, {self.rules.new} of them new, within the caps: one would"
            f" get {int(found.min())} with {int(new.min())} new; lower recommendations.k or"
            " new_share, or raise max_per_product, max_per_type or new_days"
        )


def _is_new(features: pa.Table, days: int, size: int) -> Mask:
    on_sale = pc.fill_null(features["days_on_sale"], -1).to_numpy()
    is_new = np.zeros(size, bool)
    is_new[features[C.ARTICLE_KEY].to_numpy()] = (on_sale >= 0) & (on_sale <= days)
    return is_new
