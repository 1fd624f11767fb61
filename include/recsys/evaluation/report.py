"""The evaluation as plain data: what `report.json` holds and the page shows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.judge import MODEL, Outcome
from recsys.evaluation.metrics import (
    LIST_METRICS,
    bootstrap_means,
    coverage,
    gini,
    interval,
    novelty,
)

#: The baseline that a model has to beat before anything else.
POPULARITY = "popular_7d"
#: What needs no model: a version must be ahead of each of these before it serves.
BASELINES = (POPULARITY, "popular_by_age", "repurchase", "copurchase")
#: One more of them where `evaluation.als` is enabled: factors that Spark fits for the evaluation.
ALS = "als"
#: The version that serves now, as one more method.
CHAMPION = "champion"
#: Smaller segments say nothing.
MIN_SEGMENT_CUSTOMERS = 5

Estimate = dict[str, float]


def name_at(metric: str, k: int) -> str:
    """Return a metric's name at a given k.

    >>> name_at("map_at_k", 12)
    'map_at_12'
    """
    return f"{metric.removesuffix('k')}{k}"


def with_rival(outcome: Outcome, name: str, rival: Outcome) -> Outcome:
    """Return a model's outcome in which the lists of another model are one more method.

    Args:
        outcome: of the model.
        name: of the method, such as CHAMPION.
        rival: of the other model, for the same customers in the same order.

    Raises:
        ValueError: the two are not of the same customers and purchases.
    """
    if not np.array_equal(outcome.relevant, rival.relevant):
        raise ValueError("a paired comparison needs the same customers and purchases")
    return replace(
        outcome,
        lists=outcome.lists | {name: rival.lists[MODEL]},
        hits=outcome.hits | {name: rival.hits[MODEL]},
    )


def summarise(
    outcome: Outcome,
    *,
    k: int,
    samples: int,
    seed: int,
    catalogue: NDArray[np.int32],
    sales: NDArray[np.float32],
) -> dict[str, Any]:
    """Return one mode's part of the report; an estimate is {mean, low, high}, 95 % intervals.

    `model_minus[method][metric]` is the paired difference: over the same customers in each draw.
    `at_each_k[method][metric]` are the means at 1..k, in this order.

    Args:
        outcome: of every customer judged.
        k: the length of the lists.
        samples: bootstrap draws of customers, the same for all methods.
        seed: of the draws.
        catalogue: keys of the articles that could be recommended.
        sales: [articles], pieces of each key sold in the week before each window, all together.
    """
    outcome = outcome.where(outcome.relevant > 0)
    estimates = _Estimates(outcome, k=k, samples=samples, seed=seed)
    rivals = [method for method in outcome.lists if method != MODEL]
    return {
        "methods": {method: estimates.of(method) for method in outcome.lists},
        "customers": len(outcome.relevant),
        "model_minus": {method: estimates.of(MODEL, minus=method) for method in rivals},
        "lists": {
            method: {
                "coverage": coverage(keys, catalogue),
                "gini": gini(keys, catalogue),
                "novelty": novelty(keys, sales),
            }
            for method, keys in outcome.lists.items()
        },
        "candidate_recall": {
            source: float(found.sum() / max(outcome.relevant.sum(), 1))
            for source, found in outcome.offered.items()
        },
        "at_each_k": {method: _at_each_k(outcome, method, k=k) for method in outcome.lists},
        "segments": _segments(outcome, k=k),
    }


def build_report(
    modes: Mapping[str, Mapping[str, Any]],
    *,
    version: str,
    champion: str | None,
    test_cutoffs: list[str],
    k: int,
    customers: int,
    samples: int,
    pairs: Mapping[str, float],
    history: list[dict[str, float]],
    rankers: Mapping[str, str],
    columns: Mapping[str, Mapping[str, float]],
    ablations: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """Return the whole report.

    `modes[mode][method][metric]` are estimates; what else is known of a mode stands in `details`.
    `rankers` says which ranker orders each mode's lists, and `columns` what its trees look at, each
    column with its share of what the splits gained, largest first; no mode without trees.
    `ablations` are metrics of networks without something, on the snapshot that training stopped by.
    `champion` is the version that the method of this name is, None without it; `samples` are the
    draws behind the intervals.
    """
    return {
        "version": version,
        "champion": champion,
        "test_cutoff": test_cutoffs[-1],
        "test_cutoffs": test_cutoffs,
        "k": k,
        "customers": customers,
        "samples": samples,
        "modes": {mode: part["methods"] for mode, part in modes.items()},
        "details": {
            mode: {key: value for key, value in part.items() if key != "methods"}
            for mode, part in modes.items()
        },
        "pairs": dict(pairs),
        "history": history,
        "rankers": dict(rankers),
        "columns": {mode: dict(shares) for mode, shares in columns.items()},
        "ablations": {name: dict(metrics) for name, metrics in ablations.items()},
    }


def headline(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the few figures that a task's report carries: of new articles, and the baseline's."""
    k, novel = report["k"], report["modes"]["novel"]
    names = [name_at(metric, k) for metric in ("map_at_k", "ndcg_at_k", "recall_at_k")]
    figures = {name: novel[MODEL][name]["mean"] for name in names}
    figures |= {f"baseline_{name}": novel[POPULARITY][name]["mean"] for name in names}
    return figures | {"auc": report["pairs"]["auc"]}


class _Estimates:
    """Means of metrics over customers, with the intervals of the same draws for all methods."""

    def __init__(self, outcome: Outcome, *, k: int, samples: int, seed: int) -> None:
        self.k, self.methods = k, list(outcome.lists)
        # [customers or draws, methods * metrics]
        values = [outcome.values(method, k=k) for method in self.methods]
        self.values = np.concatenate(values, axis=1)
        self.drawn = bootstrap_means(self.values, samples=samples, seed=seed)

    def of(self, method: str, *, minus: str | None = None) -> dict[str, Estimate]:
        """Return metric -> estimate of a method, or of its paired difference from another."""
        values, drawn = self._columns(method)
        if minus is not None:
            others, drawn_others = self._columns(minus)
            values, drawn = values - others, drawn - drawn_others
        return {
            name_at(metric, self.k): _estimate(values[:, at], drawn[:, at])
            for at, metric in enumerate(LIST_METRICS)
        }

    def _columns(self, method: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first = self.methods.index(method) * len(LIST_METRICS)
        columns = slice(first, first + len(LIST_METRICS))
        return self.values[:, columns], self.drawn[:, columns]


def _estimate(values: NDArray[np.float64], means: NDArray[np.float64]) -> Estimate:
    low, high = interval(means)
    return {"mean": float(values.mean()), "low": low, "high": high}


def _at_each_k(outcome: Outcome, method: str, *, k: int) -> dict[str, list[float]]:
    means = [outcome.values(method, k=length).mean(axis=0) for length in range(1, k + 1)]
    columns = np.stack(means, axis=1).tolist()
    return dict(zip(LIST_METRICS, columns, strict=True))


def _segments(outcome: Outcome, *, k: int) -> list[dict[str, Any]]:
    """Return MAP@k and recall@k of the model and of popularity in each segment of customers."""
    rows = []
    for kind, names in outcome.segments.items():
        for name in sorted(set(names.tolist())):
            part = outcome.where(names == name)
            row: dict[str, Any] = {"kind": kind, "name": name, "customers": len(part.relevant)}
            if row["customers"] < MIN_SEGMENT_CUSTOMERS:
                continue
            for method in (MODEL, POPULARITY):
                values = part.values(method, k=k).mean(axis=0)
                row[method] = {
                    name_at(metric, k): float(value)
                    for metric, value in zip(LIST_METRICS, values, strict=True)
                }
            rows.append(row)
    return rows
