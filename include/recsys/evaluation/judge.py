"""A model and the baselines on purchases that neither has seen, customer by customer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.config import CandidatesConfig, Policy
from recsys.evaluation.baselines import baseline_lists
from recsys.evaluation.metrics import LIST_METRICS, auc, precision, recall
from recsys.inference.candidates import Candidates
from recsys.inference.pairs import score_pairs
from recsys.inference.policy import MODES
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.rank import rank
from recsys.inference.rankers import Ranker, rankers_of, signals_for
from recsys.inference.run import Scorer
from recsys.inference.sources import Sources, find_candidates
from recsys.models.inputs import Snapshot
from recsys.models.trees import PAIRS
from recsys.schemas import AGE_BANDS, SOURCES

MODEL = "model"
#: Customers whose last purchase was at most this long ago are warm; beyond it, cold; none: new.
WARM_DAYS = 30


@dataclass(frozen=True)
class Outcome:
    """What came of one mode; one row a customer who bought something in the window.

    lists: method -> int32 [n, k].
    hits: method -> bool [n, k].
    relevant: int [n], articles bought that count in this mode.
    offered: source -> int [n], how many of those the source put among the candidates.
    segments: kind of segment -> its name for each customer, [n].
    """

    lists: dict[str, Keys]
    hits: dict[str, NDArray[np.bool_]]
    relevant: NDArray[np.int64]
    offered: dict[str, NDArray[np.int64]]
    segments: dict[str, NDArray[np.str_]]

    @classmethod
    def pool(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Return the rows of several parts, such as test cutoffs, as one."""

        def join(name: str) -> dict[str, Any]:
            arrays = [getattr(part, name) for part in parts]
            return {key: np.concatenate([a[key] for a in arrays]) for key in arrays[0]}

        relevant = np.concatenate([part.relevant for part in parts])
        return cls(join("lists"), join("hits"), relevant, join("offered"), join("segments"))

    def where(self, keep: NDArray[np.bool_]) -> "Outcome":
        """Return the rows that `keep`, [n], marks."""

        def pick(arrays: dict[str, Any]) -> dict[str, Any]:
            return {key: array[keep] for key, array in arrays.items()}

        return Outcome(
            pick(self.lists),
            pick(self.hits),
            self.relevant[keep],
            pick(self.offered),
            pick(self.segments),
        )

    def values(self, method: str, *, k: int) -> NDArray[np.float64]:
        """Return [n, metrics], in the order of LIST_METRICS."""
        columns = [f(self.hits[method], self.relevant, k) for f in LIST_METRICS.values()]
        return np.stack(columns, axis=1)


def bought_articles(transactions: pa.Table, *, customers: int) -> Ragged:
    """Return the distinct articles each customer bought; row = customer key."""
    pairs = transactions.group_by([C.CUSTOMER_KEY, C.ARTICLE_KEY]).aggregate([])
    pairs = pairs.sort_by([(C.CUSTOMER_KEY, "ascending"), (C.ARTICLE_KEY, "ascending")])
    owners, keys = pairs[C.CUSTOMER_KEY].to_numpy(), pairs[C.ARTICLE_KEY].to_numpy()
    known = owners < customers
    return Ragged.group(owners[known], keys[known], count=customers)


def sample_customers(truth: Ragged, *, limit: int, seed: int) -> Keys:
    """Return the keys of at most `limit` customers with a row in `truth`, ascending."""
    keys = np.flatnonzero(truth.lengths > 0).astype(np.int32)
    if len(keys) > limit:
        keys = np.sort(np.random.default_rng(seed).choice(keys, limit, replace=False))
    return keys


def judge(
    scorer: Scorer,
    sources: Sources,
    customer_keys: Keys,
    truth: Ragged,
    *,
    config: CandidatesConfig,
    k: int,
) -> dict[str, Outcome]:
    """Return each mode's outcome for customers [n] at one cutoff.

    Args:
        scorer: the model, which must not have seen the window, and the cutoff's snapshot.
        sources: as of the cutoff.
        customer_keys: whom to judge.
        truth: what they bought in the window; row = customer key.
        config: of the candidates.
        k: the length of the lists.
    """
    parts: dict[str, list[Outcome]] = {mode: [] for mode in MODES}
    blocks = find_candidates(scorer.model, scorer.snapshot, sources, customer_keys, config=config)
    excluded = {mode: excluded_by(sources, policy) for mode, policy in MODES.items()}
    signals = signals_for(scorer.model, scorer.snapshot, sources.purchases)
    rankers = {mode: rankers_of(scorer.model, mode, scorer.snapshot, signals) for mode in MODES}
    for candidates in blocks:
        for mode, barred in excluded.items():
            parts[mode].append(
                _judge_block(
                    scorer.snapshot,
                    sources,
                    candidates,
                    truth,
                    rankers=rankers[mode],
                    excluded=barred,
                    k=k,
                )
            )
    return {mode: Outcome.pool(outcomes) for mode, outcomes in parts.items()}


def judge_pairs(
    scorer: Scorer, sources: Sources, pairs: pa.Table, *, threshold: float
) -> dict[str, float]:
    """Return AUC, and precision and recall at the threshold, of labelled examples.pairs rows."""
    labels = pairs[C.LABEL].to_numpy()
    model, snapshot = scorer.model, scorer.snapshot
    scores = score_pairs(
        model,
        snapshot,
        pairs[C.CUSTOMER_KEY].to_numpy(),
        pairs[C.ARTICLE_KEY].to_numpy(),
        ranker=model.rankers.get(PAIRS, "network"),
        sources=sources,
        signals=signals_for(model, snapshot, sources.purchases),
    )
    return {
        "pairs": len(labels),
        "auc": auc(labels, scores),
        "precision": precision(labels, scores, threshold=threshold),
        "recall": recall(labels, scores, threshold=threshold),
        "threshold": threshold,
    }


def excluded_by(sources: Sources, policy: Policy) -> Ragged:
    """Return what a policy, `all` or `none`, leaves out; row = customer key."""
    bought = sources.purchases.articles
    return bought.first(0) if policy == "none" else bought


def _judge_block(
    snapshot: Snapshot,
    sources: Sources,
    candidates: Candidates,
    truth: Ragged,
    *,
    rankers: Mapping[str, Ranker],
    excluded: Ragged,
    k: int,
) -> Outcome:
    customers = candidates.customer_keys
    barred, bands = excluded.take(customers), snapshot.age_bands[customers]
    relevant = truth.take(customers).without(barred)
    lists = {
        name: rank(
            ranker,
            candidates,
            bands=snapshot.age_bands,
            popular=sources.popular,
            excluded=excluded,
            k=k,
        )[C.ARTICLE_KEY]
        .to_numpy()
        .reshape(-1, k)
        for name, ranker in zip([MODEL, *list(rankers)[1:]], rankers.values(), strict=True)
    } | baseline_lists(sources, customers, bands, barred, k=k)
    return Outcome(
        lists=lists,
        hits={method: relevant.marks(keys) for method, keys in lists.items()},
        relevant=relevant.lengths,
        offered=dict(_offered(candidates, relevant)),
        segments={
            "age band": np.array(AGE_BANDS)[bands],
            "activity": _activity(
                snapshot.recent_days[customers], snapshot.recent_articles[customers]
            ),
        },
    )


def _offered(candidates: Candidates, relevant: Ragged) -> Iterator[tuple[str, NDArray[np.int64]]]:
    found = relevant.contains(candidates.rows, candidates.article_keys)
    for name, bit in {**SOURCES, "any source": sum(SOURCES.values())}.items():
        counted = found & (candidates.sources & bit > 0)
        yield name, np.bincount(candidates.rows[counted], minlength=len(candidates))


def _activity(days: NDArray[np.float32], articles: Keys) -> NDArray[np.str_]:
    last = np.where(articles > 0, days, np.inf).min(axis=1, initial=np.inf)
    return np.select([np.isinf(last), last <= WARM_DAYS], ["new", "warm"], "cold")
