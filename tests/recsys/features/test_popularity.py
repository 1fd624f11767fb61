from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from tests.recsys.features.conftest import (
    bands_of,
    make_articles,
    make_customers,
    make_purchases,
)

from recsys.features.popularity import rank_popular_articles
from recsys.schemas import AGE_BANDS, FEATURES_POPULARITY

Rank = Callable[..., dict[str, list[tuple[int, float]]]]
#: Customers 2 and 3 are 40-49, 4 is 20-24.
PURCHASES = (
    (1, 2, 10), (1, 3, 10), (2, 2, 10),  # two customers, however often
    (7, 4, 11), (7, 2, 12),
    (8, 2, 13),  # outside the popular week, inside the on-sale month
    (28, 3, 14), (28, 2, 14),
    (29, 2, 15),  # outside both
    (300, 4, 16),
)  # fmt: skip


@pytest.fixture
def rank(summarise: Callable[..., tuple[pa.Table, pa.Table]]) -> Rank:
    def rank(*rows: Any, number: int = 100) -> dict[str, list[tuple[int, float]]]:
        purchases, customers = make_purchases(*rows), make_customers({2: 40, 3: 45, 4: 22})
        _, sold = summarise(purchases, customers, make_articles({10: None}))
        table = rank_popular_articles(
            purchases,
            bands_of(customers),
            sold,
            popular_days=7,
            on_sale_days=28,
            popular_articles=number,
        )
        assert table.schema == FEATURES_POPULARITY
        lists: dict[str, list[tuple[int, float]]] = {}
        for row in table.to_pylist():
            found = lists.setdefault(row["age_band"], [])
            found.append((row["article_key"], row["score"]))
            assert row["rank"] == len(found)
        return lists

    return rank


def test_everyone_is_ranked_by_customers_of_the_week_then_of_longer_windows(rank: Rank) -> None:
    assert rank(*PURCHASES)["all"] == [
        (10, 2), (11, 1), (12, 1),
        (14, 0), (13, 0),
        (15, 0), (16, 0),
    ]  # fmt: skip


def test_a_segment_has_its_own_best_sellers_first_and_then_everyones(rank: Rank) -> None:
    lists = rank(*PURCHASES)
    assert [article for article, _ in lists["20-24"]] == [11, 10, 12, 14, 13, 15, 16]
    assert [article for article, _ in lists["40-49"]] == [10, 12, 14, 13, 11, 15, 16]


def test_every_segment_has_a_list_even_without_customers(rank: Rank) -> None:
    lists = rank(*PURCHASES)
    assert set(lists) == {*AGE_BANDS, "all"}
    assert {len(found) for found in lists.values()} == {7}
    assert [a for a, _ in lists["unknown"]] == [10, 11, 12, 14, 13, 15, 16]
    assert {score for _, score in lists["unknown"]} == {0}


def test_lists_are_cut_and_ties_go_to_the_lower_key(rank: Rank) -> None:
    assert rank(*PURCHASES, number=2)["all"] == [(10, 2), (11, 1)]


def test_no_purchases_give_no_lists(rank: Rank) -> None:
    assert rank((0, 2, 10)) == {}


def test_nothing_at_or_after_the_cutoff_counts(rank: Rank) -> None:
    future = ((0, 2, 16), (0, 3, 16), (-1, 4, 16), (-30, 2, 17))
    assert rank(*PURCHASES, *future) == rank(*PURCHASES)
