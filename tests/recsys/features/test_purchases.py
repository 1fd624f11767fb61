from collections.abc import Callable
from datetime import date

import pytest
from pyspark.sql import DataFrame
from pyspark.testing import assertSchemaEqual

from recsys.features.purchases import list_purchases
from recsys.schemas import FEATURES_PURCHASES
from recsys.spark import to_struct

pytestmark = pytest.mark.spark


def test_one_row_a_customer_and_article(
    make_transactions: Callable[..., DataFrame], cutoff: date
) -> None:
    transactions = make_transactions(
        (9, 2, 10, 2), (1, 2, 10, 1, 0.1), (1, 2, 10, 1, 0.4), (4, 3, 10), (0, 2, 10), (-1, 4, 11)
    )
    found = list_purchases(transactions, cutoff=cutoff)
    assertSchemaEqual(found.schema, to_struct(FEATURES_PURCHASES), ignoreNullable=True)
    assert sorted(map(tuple, found.collect())) == [(2, 10, 4, 1), (3, 10, 1, 4)]


def test_no_purchases_give_no_rows(
    make_transactions: Callable[..., DataFrame], cutoff: date
) -> None:
    assert list_purchases(make_transactions((0, 2, 10)), cutoff=cutoff).collect() == []
