"""The lists: candidates scored by the model, best first, each with its reason."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.policy import apply_policy, fill
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.sources import BLOCK_CUSTOMERS
from recsys.models.inputs import Snapshot
from recsys.models.registry import TrainedModel
from recsys.schemas import RECOMMENDATIONS, SOURCES

#: What a person is told, by source. The first source in this order that offered an article counts:
#: what is known of the customer comes before what everyone buys, and the towers' guess comes last.
REASONS: dict[str, str] = {
    "past_purchase": "bought before",
    "same_product": "another variant of something bought",
    "copurchased": "often bought together with something bought",
    "popular": "popular now",
    "towers": "picked for you",
}


def rank(
    model: TrainedModel,
    snapshot: Snapshot,
    candidates: Candidates,
    *,
    popular: Keys,
    excluded: Ragged,
    k: int,
) -> pa.Table:
    """Return exactly `k` articles for each customer, in the layout of recommendations.lists.

    Scores are the model's; equal ones are ordered by article key.

    Args:
        model: scores the pairs.
        snapshot: of the same cutoff as everything else.
        candidates: of any customers; those with too few are filled up from `popular`.
        popular: [segments, articles - 2], see `Sources.popular`.
        excluded: what the purchase policy leaves out; row = customer key.
        k: the length of a list.

    Raises:
        DataError: there are fewer than `k` articles that a customer may get.
    """
    tables = [RECOMMENDATIONS.empty_table()]
    for block in candidates.blocks(BLOCK_CUSTOMERS):
        segments = snapshot.age_bands[block.customer_keys]
        full = fill(apply_policy(block, excluded), popular, segments, excluded, k=k)
        tables.append(_best(model, snapshot, full, k=k))
    return pa.concat_tables(tables).combine_chunks()


def reasons(sources: NDArray[np.int32]) -> NDArray[np.object_]:
    """Return what a person is told of each sum of source bits.

    >>> reasons(np.array([SOURCES["popular"] + SOURCES["towers"]])).tolist()
    ['popular now']
    """
    conditions = [(sources & SOURCES[source]) > 0 for source in REASONS]
    return np.select(conditions, [np.array(r, object) for r in REASONS.values()], "")


def _best(model: TrainedModel, snapshot: Snapshot, candidates: Candidates, *, k: int) -> pa.Table:
    keys = candidates.articles.padded()
    sources = np.zeros_like(keys)
    sources[keys > 0] = candidates.sources
    scores = model.score_pairs(snapshot, candidates.customer_keys, keys)
    # A customer's articles ascend by key, so that a stable sort breaks ties by key; padding, which
    # scores -inf, comes last.
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    chosen = np.take_along_axis(scores, best, axis=1)
    if not np.isfinite(chosen).all():
        raise DataError(f"model {model.version} gives scores that are not numbers: train it again")
    n = len(keys)
    return pa.table(
        [
            np.repeat(candidates.customer_keys, k),
            np.tile(np.arange(1, k + 1, dtype=np.int16), n),
            np.take_along_axis(keys, best, axis=1).ravel(),
            chosen.ravel(),
            reasons(np.take_along_axis(sources, best, axis=1).ravel()),
        ],
        schema=RECOMMENDATIONS,
    )
