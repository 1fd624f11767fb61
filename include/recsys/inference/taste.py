"""The best sellers of a customer's favourite kinds of things."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsys.inference.ragged import Keys, Ragged

#: A customer has at most so many favourite kinds of each sort, by affinity.
FAVOURITES = 8
#: So many best sellers of a kind may be offered.
BEST_OF_KIND = 16


@dataclass(frozen=True, eq=False)
class Taste:
    """One sort of kinds, such as product types.

    kinds: float32 [articles, kinds], 1 where the article is of the kind.
    best: float32 [kinds, articles], how many lately bought each of the kind's best sellers.
    """

    kinds: csr_array
    best: csr_array

    @classmethod
    def of(cls, codes: Keys, customers: NDArray[np.int64]) -> Self:
        """Return the taste of articles' codes, dense from 0 and -1 for unknown.

        Args:
            codes: int32 [articles].
            customers: [articles], who lately bought each one; 0 where it is not on sale.
        """
        size, count = len(codes), int(codes.max(initial=-1)) + 1
        known = np.flatnonzero(codes >= 0)
        ones = np.ones(len(known), np.float32)
        sold = np.flatnonzero((codes >= 0) & (customers > 0))
        order = sold[np.lexsort((sold, -customers[sold], codes[sold]))]
        best = Ragged.group(codes[order], order, customers[order], count=count).first(BEST_OF_KIND)
        return cls(
            csr_array((ones, (known, codes[known])), shape=(size, count)),
            best.to_sparse(size),
        )

    def offer(self, bought: Ragged) -> csr_array:
        """Return [n, articles]: the best sellers of n customers' favourite kinds."""
        articles, count = self.kinds.shape
        liked = Ragged.of_sparse(bought.to_sparse(articles) @ self.kinds).best(FAVOURITES)
        equal = replace(liked, weights=np.ones_like(liked.weights))
        return equal.to_sparse(count) @ self.best


def find_favourites(tastes: tuple[Taste, ...], bought: Ragged, *, limit: int) -> Ragged:
    """Return what sells best among what n customers like, but have not bought, best first.

    An article that is a favourite in two ways counts twice.
    """
    offers = [taste.offer(bought) for taste in tastes]
    if not offers:
        return bought.first(0)
    return Ragged.of_sparse(sum(offers[1:], offers[0])).without(bought).best(limit)
