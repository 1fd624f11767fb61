"""The lists: candidates scored by the model, best first, each with its reason."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.limits import Limits
from recsys.inference.policy import Segments, apply_policy, fill
from recsys.inference.ragged import Keys, Ragged, descending
from recsys.inference.rankers import Ranker
from recsys.inference.sources import BLOCK_CUSTOMERS
from recsys.schemas import RECOMMENDATIONS, SOURCES
from recsys.threads import in_threads

#: What a person is told, by source. The first source in this order that offered an article counts:
#: what is known of the customer comes before what everyone buys, and the towers' guess comes last.
REASONS: dict[str, str] = {
    "past_purchase": "bought before",
    "same_product": "another variant of something bought",
    "copurchased": "often bought together with something bought",
    "taste": "popular among the kinds of things you buy",
    "popular": "popular now",
    "towers": "picked for you",
}


def rank(
    ranker: Ranker,
    candidates: Candidates,
    *,
    bands: Segments,
    popular: Keys,
    excluded: Ragged,
    k: int,
    limits: Limits | None = None,
) -> pa.Table:
    """Return exactly `k` articles for each customer, in the layout of recommendations.lists.

    Scores are the ranker's; equal ones are ordered by article key.

    Args:
        ranker: scores the candidates.
        candidates: of any customers; those with too few are filled up from `popular`.
        bands: [customers], a row of `popular` for each customer key.
        popular: [segments, articles - 2], see `Sources.popular`.
        excluded: what the purchase policy leaves out; row = customer key.
        k: the length of a list.
        limits: how mixed a list must be; None: as mixed as the scores make it.

    Raises:
        DataError: there are fewer than `k` articles that a customer may get.
    """

    def best_of(block: Candidates) -> pa.Table:
        segments = bands[block.customer_keys]
        allowed = apply_policy(block, excluded)
        if limits is None:
            full = fill(allowed, popular, segments, excluded, k=k)
        else:
            full = limits.fill(allowed, segments, excluded)
        return _best(ranker, full, limits, k=k)

    tables = in_threads(best_of, candidates.blocks(BLOCK_CUSTOMERS))
    return pa.concat_tables([RECOMMENDATIONS.empty_table(), *tables]).combine_chunks()


def reasons(sources: NDArray[np.int32]) -> NDArray[np.object_]:
    """Return what a person is told of each sum of source bits.

    >>> reasons(np.array([SOURCES["popular"] + SOURCES["towers"]])).tolist()
    ['popular now']
    """
    conditions = [(sources & SOURCES[source]) > 0 for source in REASONS]
    return np.select(conditions, [np.array(r, object) for r in REASONS.values()], "")


def _best(ranker: Ranker, candidates: Candidates, limits: Limits | None, *, k: int) -> pa.Table:
    scores = ranker.score(candidates)
    if not np.isfinite(scores).all():
        raise DataError("the model gives scores that are not numbers: train it again")
    # A customer's articles ascend by key, so that a stable sort breaks ties by key.
    order = descending(candidates.rows, scores)
    if limits is None:
        best = order[(candidates.offsets[:-1, None] + np.arange(k)).ravel()]
    else:
        best = limits.choose(candidates, order).ravel()
    n = len(candidates)
    return pa.table(
        [
            np.repeat(candidates.customer_keys, k),
            np.tile(np.arange(1, k + 1, dtype=np.int16), n),
            candidates.article_keys[best],
            scores[best],
            reasons(candidates.sources[best]),
        ],
        schema=RECOMMENDATIONS,
    )
