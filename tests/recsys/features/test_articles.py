from collections.abc import Callable
from datetime import date
from math import log
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row
from pyspark.testing import assertSchemaEqual

from recsys.features.articles import describe_articles
from recsys.schemas import FEATURES_ARTICLES
from recsys.spark import to_struct

pytestmark = pytest.mark.spark

Make = Callable[..., DataFrame]
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
def describe(
    make_transactions: Make, make_customers: Make, make_articles: Make, cutoff: date
) -> Callable[..., dict[int, Row]]:
    def describe(*purchases: Any) -> dict[int, Row]:
        frame = describe_articles(
            make_transactions(*purchases),
            make_customers({2: 22, 3: 40, 4: None}),
            make_articles(dict.fromkeys((10, 11, 12, 13, 14))),
            cutoff=cutoff,
            on_sale_days=28,
        )
        assertSchemaEqual(frame.schema, to_struct(FEATURES_ARTICLES), ignoreNullable=True)
        return {row.article_key: row for row in frame.collect()}

    return describe


def test_counts_means_and_windows(describe: Callable[..., dict[int, Row]]) -> None:
    row = describe(*PURCHASES)[10]
    assert (row.sales, row.customers) == (6, 3)
    assert (row.sales_1d, row.sales_7d, row.sales_30d) == (3, 4, 5)
    assert row.trend == pytest.approx(log((4 + 1) / (5 * 7 / 30 + 1)))
    assert row.mean_price == pytest.approx((2 * 0.1 + 0.4 + 3 * 0.5) / 6)
    assert (row.days_on_sale, row.days_since_sale) == (31, 1)
    assert row.mean_customer_age == pytest.approx(31)  # 22 and 40; one is unknown
    assert row.repurchase_rate == pytest.approx(1 / 3)


def test_on_sale_is_half_open(describe: Callable[..., dict[int, Row]]) -> None:
    on_sale = {key: row.is_on_sale for key, row in describe(*PURCHASES).items()}
    assert on_sale == {10: True, 11: True, 12: False, 13: True, 14: False}


def test_an_article_never_sold_has_zeros_and_nulls(
    describe: Callable[..., dict[int, Row]],
) -> None:
    row = describe(*PURCHASES)[14]
    assert (row.sales, row.customers, row.sales_1d, row.sales_7d, row.sales_30d) == (0,) * 5
    assert row.trend == 0
    nulls = (row.mean_price, row.days_on_sale, row.days_since_sale, row.mean_customer_age)
    assert (*nulls, row.repurchase_rate) == (None,) * 5


def test_an_article_of_customers_without_an_age_has_none(
    describe: Callable[..., dict[int, Row]],
) -> None:
    assert describe(*PURCHASES)[13].mean_customer_age is None


def test_nothing_at_or_after_the_cutoff_counts(describe: Callable[..., dict[int, Row]]) -> None:
    future = ((0, 2, 14, 50, 9.0), (-1, 3, 12), (-300, 2, 10, 7))
    assert describe(*PURCHASES, *future) == describe(*PURCHASES)
