"""What each source of candidates, and each part of the network, is worth: results without it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np

from recsys.columns import Columns as C
from recsys.config import Ablation, CandidatesConfig
from recsys.evaluation.judge import MODEL, Outcome, excluded_by
from recsys.inference.candidates import Candidates
from recsys.inference.policy import MODES
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.rank import rank
from recsys.inference.rankers import Ranker, ranker_of, signals_for
from recsys.inference.run import Scorer
from recsys.inference.sources import Sources, find_candidates
from recsys.schemas import SOURCES

#: What the whole network goes without.
NOTHING = "nothing"
_METRIC = re.compile(f"without_({'|'.join((NOTHING, *get_args(Ablation)))})_(.+)")


def ablate_sources(
    scorer: Scorer,
    sources: Sources,
    customer_keys: Keys,
    truth: Ragged,
    *,
    config: CandidatesConfig,
    k: int,
) -> dict[str, Outcome]:
    """Return each mode's outcome: method MODEL, and a method for each source that is left out.

    The model stays as it is, it only gets fewer candidates. The arguments are those of `judge`.
    """
    parts: dict[str, list[Outcome]] = {mode: [] for mode in MODES}
    model, snapshot = scorer.model, scorer.snapshot
    signals = signals_for(model, snapshot, sources.purchases)
    rankers = {mode: ranker_of(model, mode, snapshot, signals) for mode in MODES}
    for found in find_candidates(model, snapshot, sources, customer_keys, config=config):
        variants = {MODEL: found} | {name: without_source(found, name) for name in SOURCES}
        for mode, ranker in rankers.items():
            parts[mode].append(_judge(ranker, scorer, sources, variants, truth, mode=mode, k=k))
    return {mode: Outcome.pool(outcomes) for mode, outcomes in parts.items()}


def without_source(candidates: Candidates, source: str) -> Candidates:
    """Return the candidates as if a source had never offered any."""
    others = candidates.sources & ~SOURCES[source]
    return replace(candidates, sources=others).where(others > 0)


def _judge(
    ranker: Ranker,
    scorer: Scorer,
    sources: Sources,
    variants: dict[str, Candidates],
    truth: Ragged,
    *,
    mode: str,
    k: int,
) -> Outcome:
    customers, bands = variants[MODEL].customer_keys, scorer.snapshot.age_bands
    excluded = excluded_by(sources, MODES[mode])
    relevant = truth.take(customers).without(excluded.take(customers))
    lists = {}
    for name, candidates in variants.items():
        table = rank(
            ranker, candidates, bands=bands, popular=sources.popular, excluded=excluded, k=k
        )
        lists[name] = np.reshape(table[C.ARTICLE_KEY].to_numpy(), (-1, k))
    hits = {name: relevant.marks(keys) for name, keys in lists.items()}
    return Outcome(lists, hits, relevant.lengths, offered={}, segments={})


def name_ablations(
    found: Mapping[str, Mapping[str, float]], whole: Mapping[str, float]
) -> dict[str, float]:
    """Return what was measured of networks without something as metrics of one model.

    `whole` holds the same metrics, among others, of the network that goes without nothing.

    >>> name_ablations({"images": {"auc": 0.75}}, {"epoch": 3, "auc": 0.875})
    {'without_nothing_auc': 0.875, 'without_images_auc': 0.75}
    """
    measured = {metric: whole[metric] for values in found.values() for metric in values}
    return {
        f"without_{name}_{metric}": value
        for name, values in {NOTHING: measured, **found}.items()
        for metric, value in values.items()
    }


def read_ablations(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return what `name_ablations` was given, of all metrics of a model.

    >>> read_ablations({"auc": 0.9, "without_log_q_auc": 0.75})
    {'log_q': {'auc': 0.75}}
    """
    found: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        if match := _METRIC.fullmatch(name):
            found.setdefault(match[1], {})[match[2]] = value
    return found
