"""A model next to baselines, on the toy world of tests/recsys/conftest.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import CandidatesConfig
from recsys.evaluation.baselines import baseline_lists
from recsys.evaluation.judge import (
    Outcome,
    bought_articles,
    judge,
    judge_pairs,
    sample_customers,
)
from recsys.inference.ragged import Ragged
from recsys.inference.run import Scorer
from recsys.inference.sources import Sources
from recsys.models.inputs import Snapshot

CONFIG = CandidatesConfig(towers=2, popular=2, copurchased=2, same_product=2, past_purchases=5)
#: In the window customer 2 buys 2 again and 3 for the first time, customer 3 only 4 again.
TRUTH = Ragged.of([[], [], [2, 3], [4], [], []])
CUSTOMERS = np.array([2, 3], np.int32)


@pytest.fixture
def sources(toy_sources: Callable[..., Sources]) -> Sources:
    return toy_sources(CONFIG)


@pytest.fixture
def outcomes(fixed_model: Any, toy_snapshot: Snapshot, sources: Sources) -> dict[str, Outcome]:
    scorer = Scorer(fixed_model, toy_snapshot)
    return judge(scorer, sources, CUSTOMERS, TRUTH, config=CONFIG, k=2)


def test_baselines_with_past_purchases(sources: Sources, toy_snapshot: Snapshot) -> None:
    lists = baseline_lists(
        sources, CUSTOMERS, toy_snapshot.age_bands[CUSTOMERS], Ragged.of([[], []]), k=3
    )

    assert {name: keys.tolist() for name, keys in lists.items()} == {
        "popular_7d": [[5, 4, 6], [5, 4, 6]],
        "popular_by_age": [[7, 5, 4], [7, 5, 4]],
        "repurchase": [[2, 5, 4], [4, 5, 6]],
        "copurchase": [[6, 7, 5], [2, 5, 4]],
    }


def test_baselines_without_past_purchases(sources: Sources, toy_snapshot: Snapshot) -> None:
    excluded = sources.purchases.articles.take(CUSTOMERS)
    lists = baseline_lists(sources, CUSTOMERS, toy_snapshot.age_bands[CUSTOMERS], excluded, k=3)

    assert {name: keys.tolist() for name, keys in lists.items()} == {
        "popular_7d": [[5, 4, 6], [5, 6, 3]],
        "popular_by_age": [[7, 5, 4], [7, 5, 6]],
        "repurchase": [[5, 4, 6], [5, 6, 3]],
        "copurchase": [[6, 7, 5], [2, 5, 6]],
    }


def test_mode_all_counts_every_purchase(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["all"]

    assert outcome.relevant.tolist() == [2, 1]
    assert outcome.lists["model"].tolist() == [[3, 7], [7, 6]]
    assert outcome.hits["model"].tolist() == [[True, False], [False, False]]
    assert outcome.hits["repurchase"].tolist() == [[True, False], [True, False]]


def test_mode_novel_counts_first_purchases_and_recommends_nothing_bought_before(
    outcomes: dict[str, Outcome],
) -> None:
    outcome = outcomes["novel"]

    assert outcome.relevant.tolist() == [1, 0]
    bought = {2: {2, 8}, 3: {4}}
    for keys in outcome.lists.values():
        for customer, row in zip((2, 3), keys.tolist(), strict=True):
            assert not bought[customer] & set(row)


def test_sources_are_credited_for_what_was_bought(outcomes: dict[str, Outcome]) -> None:
    assert {name: counts.tolist() for name, counts in outcomes["all"].offered.items()} == {
        "towers": [0, 0],
        "popular": [0, 0],
        "copurchased": [0, 0],
        "same_product": [1, 0],
        "past_purchase": [1, 1],
        "taste": [0, 0],
        "any source": [2, 1],
    }


def test_customers_fall_into_segments(outcomes: dict[str, Outcome]) -> None:
    segments = outcomes["all"].segments

    assert segments["age band"].tolist() == ["20-24", "20-24"]
    # Bought yesterday, and 90 days ago.
    assert segments["activity"].tolist() == ["warm", "cold"]


def test_truth_is_distinct_and_new_customers_keys_are_left_out() -> None:
    transactions = pa.table(
        {
            "customer_key": pa.array([3, 2, 3, 3, 9], pa.int32()),
            "article_key": pa.array([7, 4, 5, 7, 4], pa.int32()),
        }
    )

    assert bought_articles(transactions, customers=6).padded().tolist() == [
        [0, 0], [0, 0], [4, 0], [5, 7], [0, 0], [0, 0],
    ]  # fmt: skip


def test_customers_are_drawn_with_the_seed_from_those_who_bought() -> None:
    truth = Ragged.of([[], [], *([[2]] * 50), []])

    drawn = sample_customers(truth, limit=10, seed=1)

    assert len(set(drawn.tolist())) == 10
    assert drawn.tolist() == sorted(drawn.tolist())
    assert sample_customers(truth, limit=10, seed=1).tolist() == drawn.tolist()
    assert sample_customers(truth, limit=10, seed=2).tolist() != drawn.tolist()
    assert sample_customers(truth, limit=99, seed=1).tolist() == list(range(2, 52))


def test_pairs_are_judged_at_the_threshold(
    fixed_model: Any, toy_snapshot: Snapshot, sources: Sources
) -> None:
    pairs = pa.table(
        {
            "customer_key": pa.array([2, 2, 3, 3], pa.int32()),
            "article_key": pa.array([3, 7, 6, 4], pa.int32()),
            "label": pa.array([1, 0, 1, 0], pa.int8()),
        }
    )

    # Scores 0.95, 0.7, 0.6, 0.4: of the four bought-sampled pairs one is the wrong way round.
    assert judge_pairs(Scorer(fixed_model, toy_snapshot), sources, pairs, threshold=0.65) == {
        "pairs": 4, "auc": 0.75, "precision": 0.5, "recall": 0.5, "threshold": 0.65,
    }  # fmt: skip
