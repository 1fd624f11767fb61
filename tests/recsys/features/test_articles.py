from collections.abc import Callable
from math import log
from typing import Any

import pyarrow as pa
import pytest
from tests.recsys.features.conftest import (
    bands_of,
    make_articles,
    make_customers,
    make_purchases,
)

from recsys.features.articles import describe_articles
from recsys.schemas import FEATURES_ARTICLES

Rows = dict[int, dict[str, Any]]
Describe = Callable[..., Rows]
PURCHASES = (
    (1, 2, 10, 2, 0.1),
    (1, 2, 10, 1, 0.4),  # the same customer and day at another price: not bought again
    (7, 3, 10, 1, 0.5),
    (8, 4, 10, 1, 0.5),
    (31, 3, 10, 1, 0.5),
    (28, 4, 11),
    (29, 2, 12),
    (3, 4, 13),
)


@pytest.fixture
def describe(summarise: Callable[..., tuple[pa.Table, pa.Table]]) -> Describe:
    def describe(*rows: Any) -> Rows:
        purchases, customers = make_purchases(*rows), make_customers({2: 22, 3: 40, 4: None})
        articles = make_articles({14: None, **dict.fromkeys((10, 11, 12, 13), "Shoes")})
        _, facts = summarise(purchases, customers, articles)
        table = describe_articles(facts, purchases, bands_of(customers), articles, on_sale_days=28)
        assert table.schema == FEATURES_ARTICLES
        return {row["article_key"]: row for row in table.to_pylist()}

    return describe


def test_counts_means_and_windows(describe: Describe) -> None:
    row = describe(*PURCHASES)[10]
    assert (row["sales"], row["customers"]) == (6, 3)
    assert [row[f"sales_{days}d"] for days in (1, 3, 7, 14, 30)] == [3, 3, 4, 5, 5]
    assert row["trend"] == pytest.approx(log((4 + 1) / (5 * 7 / 30 + 1)))
    assert row["mean_price"] == pytest.approx((2 * 0.1 + 0.4 + 3 * 0.5) / 6)
    assert (row["days_on_sale"], row["days_since_sale"]) == (31, 1)
    assert row["mean_customer_age"] == pytest.approx(31)  # 22 and 40; one is unknown
    assert row["repurchase_rate"] == pytest.approx(1 / 3)


def test_on_sale_is_half_open(describe: Describe) -> None:
    on_sale = {key: row["is_on_sale"] for key, row in describe(*PURCHASES).items()}
    assert on_sale == {10: True, 11: True, 12: False, 13: True, 14: False}


def test_an_article_never_sold_has_zeros_and_nulls(describe: Describe) -> None:
    row = describe(*PURCHASES)[14]
    assert (row["sales"], row["customers"], row["sales_1d"], row["sales_7d"], row["sales_30d"]) == (
        0,
    ) * 5
    assert row["trend"] == 0
    nulls = (
        row["mean_price"],
        row["days_on_sale"],
        row["days_since_sale"],
        row["mean_customer_age"],
    )
    assert (*nulls, row["repurchase_rate"]) == (None,) * 5


def test_an_article_of_customers_without_an_age_has_none(describe: Describe) -> None:
    assert describe(*PURCHASES)[13]["mean_customer_age"] is None


def test_nothing_at_or_after_the_cutoff_counts(describe: Describe) -> None:
    future = ((0, 2, 14, 50, 9.0), (-1, 3, 12), (-300, 2, 10, 7))
    assert describe(*PURCHASES, *future) == describe(*PURCHASES)


def test_last_week_has_a_price_of_its_own_and_a_discount(describe: Describe) -> None:
    row = describe((1, 2, 10, 2, 0.1), (7, 3, 10, 2, 0.3), (8, 2, 10, 4, 0.6))[10]
    assert row["mean_price_7d"] == pytest.approx(0.2)
    assert row["mean_price"] == pytest.approx((0.2 + 0.6 + 2.4) / 8)
    assert row["discount_7d"] == pytest.approx(1 - 0.2 / 0.4)


def test_ranks_of_the_week_are_by_pieces_with_ties_to_the_lower_key(describe: Describe) -> None:
    # Customer 2 is 20-24, 3 is 40-49, 4 of unknown age, 9 not in the catalogue.
    rows = describe((1, 2, 11, 2), (2, 3, 10), (7, 4, 10), (1, 3, 12), (1, 9, 13, 5), (8, 2, 13, 9))
    assert {key: row["rank_7d"] for key, row in rows.items()} == {
        13: 1, 10: 2, 11: 3, 12: 4, 14: None,
    }  # fmt: skip
    nowhere = [None] * 8
    assert rows[10]["band_ranks_7d"] == [*nowhere[:4], 1, None, None, 1]
    assert rows[11]["band_ranks_7d"] == [None, 1, *nowhere[:6]]
    assert rows[12]["band_ranks_7d"] == [*nowhere[:4], 2, *nowhere[:3]]
    assert rows[13]["band_ranks_7d"] == rows[14]["band_ranks_7d"] == nowhere


def test_what_adds_up_is_there_as_whole_numbers(describe: Describe) -> None:
    row = describe(*PURCHASES)[10]
    assert (row["repeat_customers"], row["customers_with_age"], row["age_sum"]) == (1, 2, 62)
    assert row["spend"] == 2_100_000_000  # billionths
    assert row["product_group_name"] == "Shoes"
