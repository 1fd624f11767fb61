"""Metrics against fractions worked by hand and against scikit-learn."""

import doctest
from fractions import Fraction
from math import log2

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score
from sklearn.metrics import precision_score as sklearn_precision
from sklearn.metrics import recall_score as sklearn_recall

from recsys.evaluation import metrics

#: Hits at ranks 1, 3 and 4; nothing; a hit at rank 2; and a customer who bought nothing.
HITS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
RELEVANT = np.array([6, 2, 1, 0])


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(metrics).failed == 0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("precision_at_k", [Fraction(3, 4), 0, Fraction(1, 4)]),
        ("recall_at_k", [Fraction(3, 6), 0, Fraction(1, 1)]),
        ("map_at_k", [(1 + Fraction(2, 3) + Fraction(3, 4)) / 4, 0, Fraction(1, 2)]),
        ("hit_rate_at_k", [1, 0, 1]),
        (
            "ndcg_at_k",
            [(1 + 1 / 2 + 1 / log2(5)) / (1 + 1 / log2(3) + 1 / 2 + 1 / log2(5)), 0, 1 / log2(3)],
        ),
    ],
)
def test_lists_against_fractions_worked_by_hand(metric: str, expected: list[float]) -> None:
    values = metrics.LIST_METRICS[metric](HITS, RELEVANT, 4)

    np.testing.assert_allclose(values[:3], [float(value) for value in expected], rtol=1e-12)
    assert np.isnan(values[3])
    assert metrics.mean(values) == pytest.approx(float(sum(expected)) / 3)


def test_only_the_first_k_places_count() -> None:
    assert metrics.precision_at_k(HITS, RELEVANT, 2).tolist()[:3] == [0.5, 0, 0.5]
    assert metrics.map_at_k(HITS, RELEVANT, 1).tolist()[:3] == [1, 0, 0]


def test_k_beyond_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r"k must be in 1\.\.4, the length of the lists\. Got 5"):
        metrics.recall_at_k(HITS, RELEVANT, 5)


def test_ndcg_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    articles, k = 30, 12
    bought = rng.random((50, articles)) < 0.2
    bought[:, 0] = True
    order = np.argsort(rng.random((50, articles)), axis=1)
    ranked_scores = np.empty((50, articles))
    np.put_along_axis(ranked_scores, order, np.arange(articles, 0, -1)[None, :], axis=1)

    hits = np.take_along_axis(bought, order, axis=1)
    ours = metrics.mean(metrics.ndcg_at_k(hits, bought.sum(axis=1), k))

    assert ours == pytest.approx(ndcg_score(bought, ranked_scores, k=k), abs=1e-12)


def test_pairs_agree_with_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 500), np.round(rng.random(500), 2)
    chosen = scores >= 0.6

    assert metrics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert metrics.precision(labels, scores, threshold=0.6) == pytest.approx(
        sklearn_precision(labels, chosen)
    )
    assert metrics.recall(labels, scores, threshold=0.6) == pytest.approx(
        sklearn_recall(labels, chosen)
    )


def test_auc_needs_both_kinds_of_pair() -> None:
    assert np.isnan(metrics.auc([1, 1], [0.1, 0.2]))


def test_articles_outside_the_catalogue_count_neither_way() -> None:
    assert metrics.coverage([[2, 9]], [2, 3]) == 0.5
    assert metrics.gini([[2, 9], [9, 9]], [2, 3]) == 0.5


def test_the_interval_holds_the_mean_and_the_draws_are_the_same_for_all_columns() -> None:
    values = np.random.default_rng(5).random((400, 1))

    means = metrics.bootstrap_means(np.hstack([values, values + 1]), samples=500, seed=7)
    low, high = metrics.interval(means[:, 0])

    np.testing.assert_allclose(means[:, 1] - means[:, 0], 1)
    # 1.96 standard errors of the mean of 400 uniform numbers: 1.96 * 0.2887 / 20 = 0.0283.
    assert high - low == pytest.approx(2 * 0.0283, rel=0.15)
    assert low < values.mean() < high
    again = metrics.bootstrap_means(values, samples=500, seed=7)
    np.testing.assert_allclose(again[:, 0], means[:, 0], rtol=1e-12)
