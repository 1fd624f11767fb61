"""What was bought before a cutoff, out of transactions by day."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit, commit_transactions, make_transactions

from recsys.errors import DataError
from recsys.inference.purchases import read_purchases
from recsys.paths import Partition
from recsys.storage import Lake

RUN_DATE, CUTOFF = date(2020, 9, 23), date(2020, 9, 16)
TRANSACTIONS = Partition("cleaned.transactions", "2020-09-23")

Rows = list[tuple[int, int, int, int]]


def rows_of(purchases: pa.Table) -> Rows:
    return list(zip(*(column.to_pylist() for column in purchases.columns), strict=True))


def expected(
    transactions: pa.Table,
    *,
    days: int | None = None,
    customers: Sequence[int] | None = None,
    cutoff: date = CUTOFF,
) -> Rows:
    """Sum up transactions one by one, in a dictionary."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for row in transactions.to_pylist():
        days_ago = (cutoff - row["t_dat"]).days
        known = customers is None or row["customer_key"] in customers
        if days_ago >= 1 and known and (days is None or days_ago <= days):
            pair = row["customer_key"], row["article_key"]
            pieces, last = found.get(pair, (0, days_ago))
            found[pair] = pieces + row["quantity"], min(last, days_ago)
    return sorted((*pair, *facts) for pair, facts in found.items())


@pytest.fixture
def history(lake: Lake) -> pa.Table:
    """Three thousand transactions around the cutoff, pairs bought again and again among them."""
    random = np.random.default_rng(7)
    # Days before the run date, customers, articles, pieces.
    rows = random.integers([0, 2, 2, 1], [40, 30, 40, 4], size=(3000, 4)).tolist()
    transactions = make_transactions(
        [(RUN_DATE - timedelta(days=day), *others) for day, *others in rows]
    )
    commit_transactions(lake, RUN_DATE, transactions)
    return transactions


def test_the_toy_transactions_are_the_toy_purchases(
    toy_lake: Lake, toy_purchases: pa.Table
) -> None:
    table = Partition("cleaned.transactions", "2020-09-01")

    assert read_purchases(toy_lake, table, cutoff=date(2020, 9, 1)).equals(toy_purchases)


def test_pieces_add_up_and_the_last_day_before_the_cutoff_counts(lake: Lake) -> None:
    transactions = make_transactions(
        [
            (date(2020, 9, 15), 3, 9, 2),
            (date(2020, 9, 15), 3, 9, 1),  # the same day at another price
            (date(2020, 9, 1), 3, 9, 4),
            (date(2020, 9, 16), 3, 9, 8),  # on the cutoff
            (date(2020, 9, 16), 3, 5, 1),
            (date(2020, 9, 17), 2, 9, 1),
            (date(2020, 8, 17), 3, 4, 1),
            (date(2019, 9, 16), 2, 70, 1),  # 366 days: a leap year
        ]
    )
    prices = pa.array([0.05, 0.04, *[0.05] * 6], pa.float64())
    transactions = transactions.set_column(3, "price", prices)
    commit_transactions(lake, RUN_DATE, transactions)

    purchases = read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF)

    assert rows_of(purchases) == [(2, 70, 1, 366), (3, 4, 1, 30), (3, 9, 7, 1)]
    assert purchases.column_names == ["customer_key", "article_key", "quantity", "days_since"]
    assert purchases.schema.types == [pa.int32()] * 4


def test_as_if_summed_up_one_by_one(lake: Lake, history: pa.Table) -> None:
    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF))

    assert found == expected(history)
    assert 500 < len(found) < len(history)


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_window_is_the_last_days_before_the_cutoff(
    lake: Lake, history: pa.Table, days: int
) -> None:
    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF, days=days))

    assert found == expected(history, days=days)
    assert max(days_since for *_, days_since in found) == days


def test_only_the_customers_asked_for(lake: Lake, history: pa.Table) -> None:
    keys = np.array([29, 5, 1000], np.int32)

    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF, customer_keys=keys))

    assert found == expected(history, customers=[29, 5, 1000])
    assert {customer for customer, *_ in found} == {5, 29}


def test_the_cutoff_may_be_any_day(lake: Lake, history: pa.Table) -> None:
    for cutoff in (RUN_DATE, RUN_DATE - timedelta(days=30), RUN_DATE + timedelta(days=9)):
        found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=cutoff))
        assert found == expected(history, cutoff=cutoff)


def test_nobody_bought_anything_in_the_window(lake: Lake) -> None:
    commit_transactions(lake, RUN_DATE, make_transactions([(date(2020, 9, 1), 2, 3, 1)]))

    purchases = read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF, days=14)

    assert purchases.num_rows == 0
    assert purchases.schema.types == [pa.int32()] * 4


def test_keys_of_any_size_stay_apart(lake: Lake) -> None:
    most, day = 2**31 - 1, date(2020, 9, 15)
    pairs = [(most, 2), (2, most), (most, most), (2, 2), (3, 2)]
    commit_transactions(lake, RUN_DATE, make_transactions([(day, *pair, 1) for pair in pairs]))

    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF))

    assert found == [(*pair, 1, 1) for pair in sorted(pairs)]


def test_days_from_the_cutoff_on_are_never_opened(lake: Lake, history: pa.Table) -> None:
    later = [Path(file) for file in lake.files(TRANSACTIONS) if _day(file) >= "day=2020-09-16"]
    assert len(later) == 8
    for path in later:
        path.write_bytes(b"not Parquet")

    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF))

    assert found == expected(history)


def test_a_table_that_is_no_view_is_cut_by_its_rows(lake: Lake, history: pa.Table) -> None:
    commit(lake, "cleaned.transactions", "2020-09-24", history)
    table = Partition("cleaned.transactions", "2020-09-24")

    assert rows_of(read_purchases(lake, table, cutoff=CUTOFF)) == expected(history)


def test_no_day_before_the_cutoff_is_bad_data(lake: Lake) -> None:
    commit_transactions(lake, RUN_DATE, make_transactions([(CUTOFF, 2, 3, 1)]))

    with pytest.raises(DataError, match="before 2020-09-16"):
        read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF)


def _day(file: str) -> str:
    return Path(file).parent.name
