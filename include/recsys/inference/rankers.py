"""What orders candidates: the network's pair model, or trees over all that is known of them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.inference.candidates import Candidates
from recsys.inference.purchases import PastPurchases
from recsys.inference.signals import Signals
from recsys.models.inputs import Snapshot
from recsys.models.registry import TrainedModel
from recsys.models.trees import Trees

Floats = NDArray[np.float32]


class Ranker(Protocol):
    """Anything that scores candidates."""

    def score(self, candidates: Candidates) -> Floats:
        """Return float32 [pairs]; of a customer's articles the highest is first."""


@dataclass(frozen=True, eq=False)
class NetworkRanker:
    """The network: towers' vectors and pair features."""

    model: TrainedModel
    snapshot: Snapshot

    def score(self, candidates: Candidates) -> Floats:
        """Return probabilities, see `TrainedModel.score_pairs`."""
        keys = candidates.articles.padded()
        scores = self.model.score_pairs(self.snapshot, candidates.customer_keys, keys)
        return scores[keys > 0]


@dataclass(frozen=True, eq=False)
class TreeRanker:
    """Trees of one mode."""

    trees: Trees
    mode: str
    signals: Signals

    def score(self, candidates: Candidates) -> Floats:
        """Return raw scores: to be compared within a customer's list alone."""
        names, features = self.signals.describe(candidates)
        assert names == self.trees.names[self.mode]
        return self.trees.score(self.mode, features)


def signals_for(
    model: TrainedModel, snapshot: Snapshot, purchases: PastPurchases
) -> Signals | None:
    """Return what trees see of a snapshot and all purchases before it; None for a model without."""
    return None if model.trees is None else Signals.of(snapshot, purchases)


def rankers_of(
    model: TrainedModel, mode: str, snapshot: Snapshot, signals: Signals | None
) -> dict[str, Ranker]:
    """Return `network` and, if the model has them, `trees`; first the one chosen for the mode."""
    rankers: dict[str, Ranker] = {"network": NetworkRanker(model, snapshot)}
    if model.trees is not None and signals is not None:
        rankers["trees"] = TreeRanker(model.trees, mode, signals)
    chosen = model.rankers.get(mode, "network")
    return {chosen: rankers.pop(chosen), **rankers}


def ranker_of(
    model: TrainedModel, mode: str, snapshot: Snapshot, signals: Signals | None
) -> Ranker:
    """Return what orders a model's lists in a mode."""
    return next(iter(rankers_of(model, mode, snapshot, signals).values()))
