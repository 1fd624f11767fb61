"""What is measured after each epoch of training: pairs, and the lists that would be published."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.columns import Columns as C
from recsys.config import CandidatesConfig
from recsys.evaluation import metrics
from recsys.examples.encode import Encoder
from recsys.inference.pairs import score_pairs
from recsys.inference.past_weeks import bought_by
from recsys.inference.policy import MODES
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.rank import rank
from recsys.inference.rankers import NetworkRanker, Ranker, rankers_of, signals_for
from recsys.inference.signals import Signals
from recsys.inference.sources import Sources, find_candidates, load_sources
from recsys.inference.topk import top_k
from recsys.models.batches import Positives
from recsys.models.inputs import Pca, Snapshot
from recsys.models.network import Recommender
from recsys.models.prepare import Source
from recsys.models.registry import TrainedModel
from recsys.models.trees import PAIRS

K = 12
#: Pairs of so many positives, and their negatives, are judged after each epoch.
MAX_POSITIVES = 20_000


@dataclass(frozen=True, eq=False)
class Validation:
    """Judges a network on one snapshot that training never saw; called once an epoch.

    positives: pairs whose scores must tell bought from sampled.
    precision: of the pairs called bought, at least so many shall be.
    customers: int32 [n], who get lists, ascending.
    bought: row = customer key, what each bought from the cutoff on.
    past: row = customer key, all past purchases.
    """

    snapshot: Snapshot
    encoder: Encoder
    pca: Pca | None
    sources: Sources
    candidates: CandidatesConfig
    positives: Positives
    precision: float
    customers: Keys
    bought: Ragged

    def __call__(self, network: Recommender) -> dict[str, float]:
        """Return auc, precision and recall at the threshold, ndcg_at_12, and towers_recall.

        The latter two are of lists without past purchases, as the default policy publishes them:
        of the ranked ones, and of what the towers alone put among the candidates.
        """
        model = TrainedModel(network, self.encoder, pca=self.pca)
        ranker = NetworkRanker(model, self.snapshot)
        lists = self._judge_lists(model, {"network": ranker}, "novel")
        found = {f"ndcg_at_{K}": lists["network"], "towers_recall": self._judge_towers(model)}
        return self._judge_pairs(model) | found

    def compare(self, model: TrainedModel) -> dict[str, dict[str, float]]:
        """Return mode -> ranker -> NDCG@12 of a model with both rankers."""
        signals = signals_for(model, self.snapshot, self.sources.purchases)
        return {
            mode: self._judge_lists(model, rankers_of(model, mode, self.snapshot, signals), mode)
            for mode in MODES
        }

    def compare_pairs(self, model: TrainedModel) -> dict[str, dict[str, float]]:
        """Return ranker -> auc, precision, recall and threshold of a model with both rankers."""
        signals = signals_for(model, self.snapshot, self.sources.purchases)
        return {name: self._judge_pairs(model, name, signals) for name in ("network", "trees")}

    def _judge_towers(self, model: TrainedModel) -> float:
        """Return the mean share of a customer's first purchases that the towers find."""
        past, k = self.sources.purchases.articles.take(self.customers), self.candidates.towers
        vectors = model.customer_vectors(self.snapshot, self.customers)
        articles, on_sale = model.article_vectors(self.snapshot), self.sources.is_on_sale
        nearest, _ = top_k(vectors, articles, k, allowed=on_sale, excluded=past)
        truth = self.bought.take(self.customers).without(past)
        return metrics.mean(metrics.recall_at_k(truth.marks(nearest), truth.lengths, k))

    def _judge_pairs(
        self, model: TrainedModel, ranker: str = "network", signals: Signals | None = None
    ) -> dict[str, float]:
        articles = self.positives.articles
        real, labels = articles != PADDING_KEY, np.zeros(articles.shape, bool)
        labels[:, 0] = True
        customers = np.broadcast_to(self.positives.customers[:, None], real.shape)
        scores = score_pairs(
            model,
            self.snapshot,
            customers[real],
            articles[real],
            ranker=ranker,
            sources=self.sources,
            signals=signals,
        )
        threshold = best_threshold(labels[real], scores, precision=self.precision)
        return {
            "auc": metrics.auc(labels[real], scores),
            "precision": metrics.precision(labels[real], scores, threshold=threshold),
            "recall": metrics.recall(labels[real], scores, threshold=threshold),
            "threshold": threshold,
        }

    def _judge_lists(
        self, model: TrainedModel, rankers: Mapping[str, Ranker], mode: str
    ) -> dict[str, float]:
        """Return each ranker's mean NDCG of customers with a purchase that counts in the mode."""
        past = self.sources.purchases.articles
        excluded = past if MODES[mode] == "all" else past.first(0)
        bought = self.bought.without(excluded)
        customers = self.customers[bought.lengths[self.customers] > 0]
        sources = self.sources
        values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in rankers}
        for block in find_candidates(
            model, self.snapshot, sources, customers, config=self.candidates
        ):
            truth = bought.take(block.customer_keys)
            for name, ranker in rankers.items():
                lists = rank(
                    ranker,
                    block,
                    bands=self.snapshot.age_bands,
                    popular=sources.popular,
                    excluded=excluded,
                    k=K,
                )
                keys = lists[C.ARTICLE_KEY].to_numpy().reshape(len(block), K)
                values[name].append(metrics.ndcg_at_k(truth.marks(keys), truth.lengths, K))
        nothing = [np.empty(0)]
        return {name: metrics.mean(np.concatenate(v or nothing)) for name, v in values.items()}


def choose_rankers(
    validation: Validation, model: TrainedModel, *, wanted: str
) -> tuple[dict[str, str], dict[str, float]]:
    """Return which ranker is to order each mode's lists and to judge pairs, and what was measured.

    Args:
        validation: judges them.
        model: with its trees, or without, where weeks or purchases were too few.
        wanted: `best`, `network` or `trees`.
    """
    if model.trees is None:
        return dict.fromkeys([*MODES, PAIRS], "network"), {}
    pairs = validation.compare_pairs(model)
    found = validation.compare(model)
    scores = found | {PAIRS: {name: values["auc"] for name, values in pairs.items()}}
    chosen = {
        mode: max(values, key=values.__getitem__) if wanted == "best" else wanted
        for mode, values in scores.items()
    }
    measured = {
        f"{mode}_{name}_ndcg_at_{K}": value
        for mode, values in found.items()
        for name, value in values.items()
    }
    measured |= {f"{PAIRS}_{name}_auc": value for name, value in scores[PAIRS].items()}
    return chosen, measured | pairs[chosen[PAIRS]]


def load_validation(
    source: Source,
    encoder: Encoder,
    *,
    customers: int,
    precision: float,
    candidates: CandidatesConfig,
    seed: int,
) -> Validation:
    """Return the validation on the latest snapshot of the validation part.

    Lists are made for at most so many `customers`, drawn from those who bought something in it.
    """
    positives = source.positives(["validation"])[-1]
    cutoff = positives.cutoff
    snapshot = source.snapshot(cutoff, encoder)
    bought = bought_by(positives, customers=len(snapshot.age_bands))
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(np.flatnonzero(bought.lengths > 0))[:customers]
    sampled = np.sort(generator.permutation(len(positives.customers))[:MAX_POSITIVES])
    return Validation(
        snapshot=snapshot,
        encoder=encoder,
        pca=source.pca,
        sources=load_sources(
            source.lake, snapshot, transactions=source.transactions, config=candidates
        ),
        candidates=candidates,
        positives=positives.take(sampled),
        precision=precision,
        customers=np.sort(chosen).astype(np.int32),
        bought=bought,
    )


def best_threshold(
    labels: NDArray[np.bool_], scores: NDArray[np.float32], *, precision: float = 0.0
) -> float:
    """Return the score at or above which to call a pair bought: of the best F1.

    F1 is 2 TP / (pairs called bought + pairs bought). Only thresholds of at least the wanted
    precision count, and where there is none, those of the highest. Ties go to the higher threshold;
    0.5 where nothing was bought.

    >>> labels, scores = np.array([True, False, True]), np.array([0.9, 0.4, 0.3])
    >>> best_threshold(labels, scores), best_threshold(labels, scores, precision=0.9)
    (0.3, 0.9)
    """
    order = np.argsort(-scores, kind="stable")
    called, hits = np.arange(1, len(order) + 1), np.cumsum(labels[order])
    # Equal scores fall together: only the last of them is a threshold's count.
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    if not len(ends) or not hits[-1]:
        return 0.5
    precise = hits[ends] / called[ends]
    ends = ends[precise >= min(precision, precise.max())]
    f1 = 2 * hits[ends] / (called[ends] + hits[-1])
    return float(scores[order][ends[np.argmax(f1)]])
