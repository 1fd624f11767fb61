"""Matrix factorisation as a baseline. Spark's ALS fits the vectors, see `recsys.features.als`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys.columns import PADDING_KEY
from recsys.evaluation.judge import MODEL, Outcome, excluded_by
from recsys.inference.policy import MODES, complete
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.sources import SEGMENTS, Sources
from recsys.inference.topk import Floats, top_k
from recsys.schemas import EVERYONE


@dataclass(frozen=True, eq=False)
class Factors:
    """What a factorisation made of customers and articles; all zero is what it does not know.

    customers: float32 [n, rank], of the customers who get lists.
    articles: float32 [articles, rank]; an article's row is its key.
    """

    customers: Floats
    articles: Floats


#: Given a cutoff, the keys of the customers who get lists, and one above the highest article key.
FitFactors = Callable[[date, Keys, int], Factors]


def judge_factors(
    factors: Factors, sources: Sources, customer_keys: Keys, truth: Ragged, *, k: int
) -> dict[str, Outcome]:
    """Return each mode's outcome of lists by factors; the arguments are those of `judge`."""
    outcomes = {}
    for mode, policy in MODES.items():
        excluded = excluded_by(sources, policy).take(customer_keys)
        lists = rank_by_factors(factors, sources, excluded, k=k)
        relevant = truth.take(customer_keys).without(excluded)
        hits = relevant.marks(lists)
        outcomes[mode] = Outcome({MODEL: lists}, {MODEL: hits}, relevant.lengths, {}, {})
    return outcomes


def rank_by_factors(factors: Factors, sources: Sources, excluded: Ragged, *, k: int) -> Keys:
    """Return lists int32 [n, k]: articles on sale by the product with the customer's vector.

    Whom the factors do not know gets last week's best sellers, as does a list that is too short.
    """
    known = factors.articles.any(axis=1)
    keys, _ = top_k(
        factors.customers,
        factors.articles,
        k,
        allowed=sources.is_on_sale & known,
        excluded=excluded,
    )
    keys[~factors.customers.any(axis=1)] = PADDING_KEY
    everyone = np.full(len(keys), SEGMENTS.index(EVERYONE))
    return complete(Ragged.of_matrix(keys), sources.popular, everyone, excluded, k=k)
