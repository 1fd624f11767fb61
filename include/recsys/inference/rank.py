"""The lists: candidates scored by the model, best first, each with its reason."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.causes import Causes, as_texts, source_codes
from recsys.inference.limits import Limits
from recsys.inference.policy import Segments, apply_policy, fill
from recsys.inference.ragged import Keys, Ragged, descending
from recsys.inference.rankers import Ranker
from recsys.inference.sources import BLOCK_CUSTOMERS
from recsys.schemas import RECOMMENDATIONS
from recsys.threads import in_threads


def rank(
    ranker: Ranker,
    candidates: Candidates,
    *,
    bands: Segments,
    popular: Keys,
    excluded: Ragged,
    k: int,
    limits: Limits | None = None,
    causes: Causes | None = None,
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
        causes: what tells why; None: reasons name no cause.

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
        scores, best = _best(ranker, full, limits, k=k)
        if causes is None:
            reasons = as_texts(source_codes(full.sources[best])), np.zeros(len(best), np.int32)
        else:
            reasons = causes.explain(full, best, segments)
        return _to_table(full, scores, best, reasons, k=k)

    tables = in_threads(best_of, candidates.blocks(BLOCK_CUSTOMERS))
    return pa.concat_tables([RECOMMENDATIONS.empty_table(), *tables]).combine_chunks()


def _best(
    ranker: Ranker, candidates: Candidates, limits: Limits | None, *, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the scores of n customers' candidates, and the n * k of them that are the lists."""
    scores = ranker.score(candidates)
    if not np.isfinite(scores).all():
        raise DataError("the model gives scores that are not numbers: train it again")
    # A customer's articles ascend by key, so that a stable sort breaks ties by key.
    order = descending(candidates.rows, scores)
    if limits is None:
        return scores, order[(candidates.offsets[:-1, None] + np.arange(k)).ravel()]
    return scores, limits.choose(candidates, order).ravel()


def _to_table(
    candidates: Candidates,
    scores: NDArray[np.float32],
    best: NDArray[np.int64],
    reasons: tuple[pa.Array, Keys],
    *,
    k: int,
) -> pa.Table:
    n = len(candidates)
    return pa.table(
        [
            np.repeat(candidates.customer_keys, k),
            np.tile(np.arange(1, k + 1, dtype=np.int16), n),
            candidates.article_keys[best],
            scores[best],
            *reasons,
        ],
        schema=RECOMMENDATIONS,
    )
