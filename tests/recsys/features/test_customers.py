from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row
from pyspark.testing import assertSchemaEqual

from recsys.features.customers import describe_customers
from recsys.schemas import FEATURES_CUSTOMERS
from recsys.spark import to_struct

pytestmark = pytest.mark.spark

Make = Callable[..., DataFrame]
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
def describe(
    make_transactions: Make, make_customers: Make, make_articles: Make, cutoff: date
) -> Callable[..., dict[int, Row]]:
    def describe(*purchases: Any, history_length: int = 64) -> dict[int, Row]:
        frame = describe_customers(
            make_transactions(*purchases),
            make_customers({2: 22, 3: None}),
            make_articles({10: "Shoes", 11: "Shoes", 12: None, 13: "Bags", 14: "Bags"}),
            cutoff=cutoff,
            history_length=history_length,
        )
        assertSchemaEqual(frame.schema, to_struct(FEATURES_CUSTOMERS), ignoreNullable=True)
        return {row.customer_key: row for row in frame.collect()}

    return describe


def test_counts_means_and_windows(describe: Callable[..., dict[int, Row]]) -> None:
    row = describe(*PURCHASES)[2]
    assert (row.transactions, row.purchase_days, row.distinct_articles) == (8, 5, 4)
    assert (row.purchases_7d, row.purchases_30d, row.recency_days) == (4, 6, 1)
    assert row.mean_price == pytest.approx((2 * 0.1 + 0.4 + 5 * 0.5) / 8)
    assert row.purchase_frequency == pytest.approx(5 / (31 / 7))
    assert row.channel_2_share == pytest.approx(4 / 8)
    assert row.distinct_product_groups == 2  # Shoes, Bags; article 12 has none
    assert (row.age, row.age_band) == (22.0, "20-24")


def test_recent_articles_are_distinct_and_latest_first(
    describe: Callable[..., dict[int, Row]],
) -> None:
    row = describe(*PURCHASES)[2]
    assert row.recent_articles == [10, 11, 12, 13]
    assert row.recent_days == [1, 7, 8, 31]
    assert row.recent_quantities == [4, 1, 1, 2]


def test_recent_articles_of_one_day_are_in_descending_order_and_cut(
    describe: Callable[..., dict[int, Row]],
) -> None:
    rows = describe((5, 2, 10), (5, 2, 12), (5, 2, 11), (6, 2, 14), history_length=2)
    assert rows[2].recent_articles == [12, 11]


def test_a_customer_who_never_bought_has_zeros_and_nulls(
    describe: Callable[..., dict[int, Row]],
) -> None:
    row = describe(*PURCHASES)[3].asDict()
    assert {name for name, value in row.items() if value == 0} == {
        "transactions", "purchase_days", "distinct_articles", "purchases_7d", "purchases_30d",
        "distinct_product_groups",
    }  # fmt: skip
    assert row["recent_articles"] == row["recent_days"] == row["recent_quantities"] == []
    assert row["mean_price"] is row["recency_days"] is row["channel_2_share"] is row["age"] is None
    assert row["age_band"] == "unknown"


def test_no_purchases_at_all_still_give_every_customer(
    describe: Callable[..., dict[int, Row]],
) -> None:
    assert set(describe()) == {2, 3}


def test_nothing_at_or_after_the_cutoff_counts(describe: Callable[..., dict[int, Row]]) -> None:
    future = ((0, 2, 14, 50, 9.0, 1), (-1, 3, 14), (-300, 2, 10, 7))
    assert describe(*PURCHASES, *future) == describe(*PURCHASES)
