"""Single pairs of a customer and an article, whether a source offered them or not."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.inference.candidates import Candidates
from recsys.inference.ease import history_of
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.signals import Signals
from recsys.inference.sources import Sources, product
from recsys.models.inputs import Snapshot
from recsys.models.registry import TrainedModel
from recsys.models.trees import PAIRS

Floats = NDArray[np.float32]


def gather_pairs(
    model: TrainedModel, snapshot: Snapshot, sources: Sources, customers: Keys, articles: Keys
) -> tuple[Candidates, NDArray[np.int64]]:
    """Return the distinct ones of pairs [n] with their scores, and the place of each pair, [n].

    They are candidates that no source offered.
    """
    keys, rows = np.unique(customers, return_inverse=True)
    size = len(snapshot.is_on_sale)
    cells, places = np.unique(rows * size + articles, return_inverse=True)
    rows, wanted = cells // size, (cells % size).astype(np.int32)
    asked = Ragged.group(rows, wanted, count=len(keys))
    close = product(history_of(sources.purchases.take(keys)), sources.ease)
    vectors, others = model.customer_vectors(snapshot, keys), model.article_vectors(snapshot)
    nothing = Candidates.union(keys, {"popular": asked})
    return (
        replace(
            nothing,
            scores=asked.dot(vectors, others),
            copurchase_scores=close.look_up(asked),
            sources=np.zeros(len(wanted), np.int32),
        ),
        places,
    )


def score_pairs(
    model: TrainedModel,
    snapshot: Snapshot,
    customers: Keys,
    articles: Keys,
    *,
    ranker: str,
    sources: Sources,
    signals: Signals | None,
) -> Floats:
    """Return how likely pairs [n] are purchases, by a model's `network` or its `trees`.

    Probabilities among a purchase and its sampled negatives, float32 [n]. The network needs no
    signals.
    """
    if ranker == "network":
        return model.score_pairs(snapshot, customers, articles[:, None])[:, 0]
    assert model.trees is not None
    assert signals is not None
    pairs, places = gather_pairs(model, snapshot, sources, customers, articles)
    _, features = signals.describe(pairs, as_lists=False)
    return model.trees.score(PAIRS, features)[places]
