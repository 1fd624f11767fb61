from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from tests.recsys.features.conftest import make_articles, make_customers, make_purchases

from recsys.features.customers import describe_customers
from recsys.schemas import FEATURES_CUSTOMERS

Rows = dict[int, dict[str, Any]]
Describe = Callable[..., Rows]
#: Bought yesterday twice (one article in two rows), 7, 8, 30 and 31 days ago.
PURCHASES = (
    (1, 2, 10, 2, 0.1, 1),
    (1, 2, 10, 1, 0.4, 2),
    (7, 2, 11, 1, 0.5, 2),
    (8, 2, 12, 1, 0.5, 2),
    (30, 2, 10, 1, 0.5, 2),
    (31, 2, 13, 2, 0.5, 1),
)


@pytest.fixture
def describe(summarise: Callable[..., tuple[pa.Table, pa.Table]]) -> Describe:
    def describe(*rows: Any, history_length: int = 64) -> Rows:
        purchases, customers = make_purchases(*rows), make_customers({3: None, 2: 22})
        articles = make_articles({10: "Shoes", 11: "Shoes", 12: None, 13: "Bags", 14: "Bags"})
        facts, _ = summarise(purchases, customers, articles, history_length=history_length)
        table = describe_customers(facts, purchases, customers)
        assert table.schema == FEATURES_CUSTOMERS
        return {row["customer_key"]: row for row in table.to_pylist()}

    return describe


def test_counts_means_and_windows(describe: Describe) -> None:
    row = describe(*PURCHASES)[2]
    assert (row["transactions"], row["purchase_days"], row["distinct_articles"]) == (8, 5, 4)
    windows = [row[f"purchases_{days}d"] for days in (1, 3, 7, 14, 30)]
    assert windows == [3, 3, 4, 5, 6]
    assert (row["recency_days"], row["tenure_days"]) == (1, 31)
    assert row["mean_price"] == pytest.approx((2 * 0.1 + 0.4 + 5 * 0.5) / 8)
    assert row["purchase_frequency"] == pytest.approx(5 / (31 / 7))
    assert row["channel_2_share"] == pytest.approx(4 / 8)
    assert row["distinct_product_groups"] == 2  # Shoes, Bags; article 12 has none
    assert (row["age"], row["age_band"]) == (22.0, "20-24")


def test_recent_articles_are_distinct_and_latest_first(describe: Describe) -> None:
    row = describe(*PURCHASES)[2]
    assert row["recent_articles"] == [10, 11, 12, 13]
    assert row["recent_days"] == [1, 7, 8, 31]
    assert row["recent_quantities"] == [4, 1, 1, 2]
    assert row["recent_prices"] == pytest.approx([(2 * 0.1 + 0.4 + 0.5) / 4, 0.5, 0.5, 0.5])


def test_recent_articles_of_one_day_are_in_descending_order_and_cut(describe: Describe) -> None:
    rows = describe((5, 2, 10), (5, 2, 12), (5, 2, 11), (6, 2, 14), history_length=2)
    assert rows[2]["recent_articles"] == [12, 11]


def test_a_customer_who_never_bought_has_zeros_and_nulls(describe: Describe) -> None:
    row = describe(*PURCHASES)[3]
    assert {name for name, value in row.items() if value == 0} == {
        "transactions", "purchase_days", "distinct_articles", "purchases_1d", "purchases_3d",
        "purchases_7d", "purchases_14d", "purchases_30d", "distinct_product_groups",
    }  # fmt: skip
    assert row["recent_articles"] == row["recent_days"] == row["recent_quantities"] == []
    assert row["recent_prices"] == []
    nulls = ("mean_price", "recency_days", "tenure_days", "purchase_frequency", "channel_2_share")
    assert {row[name] for name in (*nulls, "age")} == {None}
    assert row["age_band"] == "unknown"


def test_no_purchases_at_all_still_give_every_customer(describe: Describe) -> None:
    assert set(describe()) == {2, 3}


def test_nothing_at_or_after_the_cutoff_counts(describe: Describe) -> None:
    future = ((0, 2, 14, 50, 9.0, 1), (-1, 3, 14), (-300, 2, 10, 7))
    assert describe(*PURCHASES, *future) == describe(*PURCHASES)
