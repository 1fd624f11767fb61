from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
from tests.recsys.features.conftest import make_purchases

from recsys.features.copurchases import find_copurchases
from recsys.schemas import FEATURES_COPURCHASES

Find = Callable[..., dict[int, list[tuple[int, float]]]]
#: Article 10 has customers 2, 3, 4; 11 has 2, 3; 12 has 2; 13 has 5 alone.
PURCHASES = (
    (1, 2, 10), (5, 2, 10), (90, 2, 11), (3, 2, 12),
    (1, 3, 10), (1, 3, 11),
    (1, 4, 10),
    (1, 5, 13),
    (91, 5, 10), (91, 4, 12),  # before the window
)  # fmt: skip


@pytest.fixture
def find() -> Find:
    def find(
        *rows: Any, number: int = 20, least: int = 1, history_length: int = 64
    ) -> dict[int, list[tuple[int, float]]]:
        table = find_copurchases(
            make_purchases(*rows),
            copurchase_days=90,
            copurchased_articles=number,
            copurchase_customers=least,
            history_length=history_length,
        )
        assert table.schema == FEATURES_COPURCHASES
        lists: dict[int, list[tuple[int, float]]] = {}
        for row in table.to_pylist():
            found = lists.setdefault(row["article_key"], [])
            found.append((row["other_article_key"], pytest.approx(row["score"])))
            assert row["rank"] == len(found)
        return lists

    return find


def test_the_score_is_the_cosine_of_distinct_customers(find: Find) -> None:
    assert find(*PURCHASES) == {
        10: [(11, 2 / sqrt(6)), (12, 1 / sqrt(3))],
        11: [(10, 2 / sqrt(6)), (12, 1 / sqrt(2))],
        12: [(11, 1 / sqrt(2)), (10, 1 / sqrt(3))],
    }  # fmt: skip


def test_lists_are_cut_and_ties_go_to_the_lower_key(find: Find) -> None:
    basket = ((1, 2, 10), (1, 2, 11), (1, 2, 12))
    assert find(*basket, number=1) == {10: [(11, 1)], 11: [(10, 1)], 12: [(10, 1)]}


def test_articles_that_too_few_customers_share_are_no_neighbours(find: Find) -> None:
    assert find(*PURCHASES, least=2) == {
        10: [(11, 2 / sqrt(6))],
        11: [(10, 2 / sqrt(6))],
    }  # fmt: skip
    assert find(*PURCHASES, least=3) == {}


def test_only_the_latest_articles_of_a_customer_count(find: Find) -> None:
    # Of the two articles bought 5 days ago the one with the higher key stays.
    basket = ((1, 2, 10), (5, 2, 11), (5, 2, 12), (9, 2, 13))
    assert find(*basket, history_length=2) == {10: [(12, 1)], 12: [(10, 1)]}


def test_no_purchases_give_no_rows(find: Find) -> None:
    assert find((0, 2, 10), (0, 2, 11)) == {}


def test_nothing_at_or_after_the_cutoff_counts(find: Find) -> None:
    future = ((0, 2, 13), (-1, 3, 13), (-30, 4, 11))
    assert find(*PURCHASES, *future) == find(*PURCHASES)
