"""What each source offers, on the toy world of tests/recsys/conftest.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import CandidatesConfig, EaseConfig
from recsys.features.popularity import chain
from recsys.inference.sources import SEGMENTS, Sources, alternate, find_candidates
from recsys.models.inputs import Snapshot
from recsys.schemas import SOURCES

LIMITS: dict[str, Any] = {
    "towers": 2, "popular": 2, "copurchased": 2, "same_product": 2, "past_purchases": 5,
    "taste": 2, "ease": EaseConfig(min_customers=1, l2=0.1),
}  # fmt: skip


@pytest.fixture
def sources(toy_sources: Callable[..., Sources], toy_purchases: pa.Table) -> Sources:
    purchases = pa.concat_tables([toy_purchases, *also_bought(toy_purchases, 2, 6, 7)])
    return toy_sources(CandidatesConfig(**LIMITS), purchases)


def also_bought(purchases: pa.Table, *articles: int) -> list[pa.Table]:
    """Return rows of customer 4, who bought articles as customer 2 bought article 2."""
    first = purchases.slice(0, 1)
    return [
        first.set_column(0, "customer_key", pa.array([4], pa.int32())).set_column(
            1, "article_key", pa.array([article], pa.int32())
        )
        for article in articles
    ]


def offered(
    sources: Sources, model: Any, snapshot: Snapshot, customer: int, **limits: int
) -> dict[str, list[int]]:
    config = CandidatesConfig(**{**LIMITS, **limits})
    keys = np.array([customer], np.int32)
    (found,) = find_candidates(model, snapshot, sources, keys, config=config)
    return {
        name: found.article_keys[found.sources & bit > 0].tolist() for name, bit in SOURCES.items()
    }


def test_a_customer_with_a_history_hears_from_every_source(
    sources: Sources, fixed_model: Any, toy_snapshot: Snapshot
) -> None:
    assert offered(sources, fixed_model, toy_snapshot, 2) == {
        "towers": [6, 7],  # the largest products on sale
        "popular": [5, 7],  # the best of 20-24 and of everyone
        "copurchased": [6, 7],  # customer 4 bought them with 2
        "same_product": [3],  # 2 was bought, 8 is not on sale
        "past_purchase": [2],  # 8 is not on sale
        "taste": [],  # the toy articles have no kinds
    }


def test_a_customer_without_history_gets_the_towers_and_what_is_popular(
    sources: Sources, fixed_model: Any, toy_snapshot: Snapshot
) -> None:
    assert offered(sources, fixed_model, toy_snapshot, 5) == {
        "towers": [6, 7], "popular": [4, 5],
        "copurchased": [], "same_product": [], "past_purchase": [], "taste": [],
    }  # fmt: skip


def test_new_articles_only_beside_past_purchases(
    sources: Sources, fixed_model: Any, toy_snapshot: Snapshot
) -> None:
    found = offered(sources, fixed_model, toy_snapshot, 3, towers=9, popular=9)

    assert found["towers"] == found["popular"] == [2, 3, 5, 6, 7]
    assert found["past_purchase"] == [4]


def test_what_is_off_sale_is_never_a_popular_candidate(
    sources: Sources, fixed_model: Any, toy_snapshot: Snapshot
) -> None:
    assert 8 in sources.popular
    assert offered(sources, fixed_model, toy_snapshot, 5, popular=9)["popular"] == [
        2,
        3,
        4,
        5,
        6,
        7,
    ]


def test_candidates_carry_the_towers_product(
    sources: Sources, fixed_model: Any, toy_snapshot: Snapshot
) -> None:
    keys, config = np.array([2, 5], np.int32), CandidatesConfig(**LIMITS)
    (found,) = find_candidates(fixed_model, toy_snapshot, sources, keys, config=config)

    np.testing.assert_array_equal(found.scores, found.article_keys)
    assert found.customer_keys.tolist() == [2, 5]


def test_popular_orders_hold_every_article_once_and_what_is_off_sale_last(sources: Sources) -> None:
    orders = dict(zip(SEGMENTS, sources.popular.tolist(), strict=True))

    # Its own best sellers and everyone's in turn, then by last week's sales (3 sold 2, 2 sold 1).
    assert orders["20-24"] == [7, 5, 4, 6, 3, 2, 8]
    assert orders["all"] == orders["60+"] == [5, 4, 6, 3, 2, 7, 8]


def test_affinity_is_the_recency_of_the_days_of_purchase(sources: Sources) -> None:
    liked = sources.purchases.articles.take([2, 3])
    assert liked.keys.tolist() == [2, 8, 4]
    # exp(-1 / 60), exp(-40 / 60) and exp(-90 / 60).
    np.testing.assert_allclose(liked.weights, [0.98347, 0.51342, 0.22313], atol=1e-5)


def test_variants_are_ordered_by_sales(sources: Sources) -> None:
    closeness = sources.same_product.toarray()

    # Of the product of 2, 3 and 8, 3 sells best on sale, then 2; 8 is offered nowhere.
    assert closeness[8].tolist() == [0, 0, 0.5, 1, 0, 0, 0, 0, 0]
    assert closeness[4].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_alternate_and_chain() -> None:
    assert alternate(np.array([1, 2]), np.array([7, 8, 9])).tolist() == [1, 7, 2, 8, 9]
    assert chain(np.array([5, 3]), np.array([3, 4, 5])).tolist() == [5, 3, 4]


def test_purchases_of_nobody(
    fixed_model: Any,
    toy_snapshot: Snapshot,
    toy_purchases: pa.Table,
    toy_popularity: pa.Table,
    toy_copurchases: pa.Table,
) -> None:
    sources = Sources.build(
        toy_snapshot,
        purchases=toy_purchases.slice(0, 0),
        popularity=toy_popularity.slice(0, 0),
        copurchases=toy_copurchases.slice(0, 0),
        config=CandidatesConfig(**LIMITS),
    )

    assert sources.purchases.articles.lengths.tolist() == [0] * 6
    assert offered(sources, fixed_model, toy_snapshot, 2)["popular"] == [4, 5]  # by sales
