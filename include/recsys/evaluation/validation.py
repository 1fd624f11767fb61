"""What is measured after each epoch of training: pairs, and the lists that would be published."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.config import CandidatesConfig
from recsys.evaluation import metrics
from recsys.examples.encode import Encoder
from recsys.inference.policy import exclusions
from recsys.inference.purchases import read_purchases
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.rank import rank
from recsys.inference.sources import Sources, find_candidates
from recsys.models.batches import Positives
from recsys.models.inputs import Pca, Snapshot
from recsys.models.network import Recommender
from recsys.models.prepare import Source
from recsys.models.registry import TrainedModel
from recsys.paths import Partition

K = 12
#: Pairs of so many positives, and their negatives, are judged after each epoch.
MAX_POSITIVES = 20_000


@dataclass(frozen=True, eq=False)
class Validation:
    """Judges a network on one snapshot that training never saw; called once an epoch.

    positives: pairs whose scores must tell bought from sampled.
    customers: int32 [n], who get lists, ascending.
    bought: [n] rows, what each of them bought after the cutoff and not before: lists leave out past
        purchases, as the default policy publishes them.
    excluded: row = customer key, all past purchases.
    """

    snapshot: Snapshot
    encoder: Encoder
    pca: Pca | None
    sources: Sources
    candidates: CandidatesConfig
    positives: Positives
    customers: Keys
    bought: Ragged
    excluded: Ragged

    def __call__(self, network: Recommender) -> dict[str, float]:
        """Return auc, precision and recall at the threshold of best F1, and ndcg_at_12."""
        model = TrainedModel(network, self.encoder, pca=self.pca)
        return self._judge_pairs(model) | {f"ndcg_at_{K}": self._judge_lists(model)}

    def _judge_pairs(self, model: TrainedModel) -> dict[str, float]:
        scores = model.score_pairs(self.snapshot, self.positives.customers, self.positives.articles)
        real = np.isfinite(scores)
        labels = np.zeros(scores.shape, bool)
        labels[:, 0] = True
        labels, scores = labels[real], scores[real]
        threshold = best_threshold(labels, scores)
        return {
            "auc": metrics.auc(labels, scores),
            "precision": metrics.precision(labels, scores, threshold=threshold),
            "recall": metrics.recall(labels, scores, threshold=threshold),
            "threshold": threshold,
        }

    def _judge_lists(self, model: TrainedModel) -> float:
        values = []
        sources = replace(self.sources, article_vectors=model.article_vectors(self.snapshot))
        found = find_candidates(
            model, self.snapshot, sources, self.customers, config=self.candidates
        )
        first = 0
        for block in found:
            lists = rank(
                model,
                self.snapshot,
                block,
                popular=self.sources.popular,
                excluded=self.excluded,
                k=K,
            )
            keys = lists["article_key"].to_numpy().reshape(len(block), K)
            bought = self.bought.take(np.arange(first, first + len(block)))
            values.append(metrics.ndcg_at_k(bought.marks(keys), bought.lengths, K))
            first += len(block)
        return metrics.mean(np.concatenate(values)) if values else float("nan")


def load_validation(
    source: Source, encoder: Encoder, *, customers: int, candidates: CandidatesConfig, seed: int
) -> Validation:
    """Return the validation on the latest snapshot of the validation part.

    Lists are made for at most so many `customers`, drawn from those who bought something in it that
    they had not bought before.
    """
    positives = source.positives(["validation"])[-1]
    cutoff = positives.cutoff
    snapshot = source.snapshot(cutoff, encoder)
    purchases = read_purchases(
        source.lake,
        Partition("cleaned.transactions", str(source.run_date)),
        cutoff=cutoff,
        customer_keys=np.unique(positives.customers),
    )
    excluded = exclusions(purchases, customers=len(snapshot.age_bands))
    generator = np.random.default_rng(seed)
    keys, bought = _newly_bought(positives, excluded)
    chosen = np.sort(generator.permutation(len(keys))[:customers])
    sampled = np.sort(generator.permutation(len(positives.customers))[:MAX_POSITIVES])
    return Validation(
        snapshot=snapshot,
        encoder=encoder,
        pca=source.pca,
        sources=Sources.build(
            snapshot,
            # Each epoch brings its own.
            article_vectors=np.empty((len(snapshot.is_on_sale), 0), np.float32),
            purchases=purchases,
            popularity=source.lake.read(Partition("features.popularity", str(cutoff))),
            copurchases=source.lake.read(Partition("features.copurchases", str(cutoff))),
            config=candidates,
        ),
        candidates=candidates,
        positives=positives.take(sampled),
        customers=keys[chosen],
        bought=bought.take(chosen),
        excluded=excluded,
    )


def _newly_bought(positives: Positives, excluded: Ragged) -> tuple[Keys, Ragged]:
    """Return the customers with new purchases, ascending, and what these are, distinct."""
    pairs = np.unique(np.stack([positives.customers, positives.articles[:, 0]], axis=1), axis=0)
    customers, articles = pairs[:, 0], pairs[:, 1]
    new = ~excluded.contains(customers.astype(np.int64), articles)
    keys, rows = np.unique(customers[new], return_inverse=True)
    return keys, Ragged.group(rows, articles[new], count=len(keys))


def best_threshold(labels: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Return the score at or above which calling a pair bought gives the best F1.

    F1 is 2 TP / (pairs called bought + pairs bought). Ties go to the higher threshold; 0.5 where
    nothing was bought.

    >>> best_threshold(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.3, 0.1]))
    0.4
    """
    order = np.argsort(-scores, kind="stable")
    called, hits = np.arange(1, len(order) + 1), np.cumsum(labels[order])
    # Equal scores fall together: only the last of them is a threshold's count.
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    if not len(ends) or not hits[-1]:
        return 0.5
    f1 = 2 * hits[ends] / (called[ends] + hits[-1])
    return float(scores[order][ends[np.argmax(f1)]])
