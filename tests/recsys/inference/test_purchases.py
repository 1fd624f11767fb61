"""What was bought before a cutoff, out of transactions by day."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit, commit_transactions, make_transactions

from recsys.errors import DataError
from recsys.inference.purchases import PURCHASES, read_purchases
from recsys.paths import Partition
from recsys.storage import Lake

RUN_DATE, CUTOFF = date(2020, 9, 23), date(2020, 9, 16)
TRANSACTIONS = Partition("cleaned.transactions", "2020-09-23")

FACTS = ["quantity", "days_since", "first_days_since", "purchase_days"]


def rows_of(purchases: pa.Table) -> list[tuple[int, ...]]:
    columns = purchases.select(["customer_key", "article_key", *FACTS])
    return list(zip(*(column.to_pylist() for column in columns.columns), strict=True))


def expected(
    transactions: pa.Table,
    *,
    days: int | None = None,
    customers: Sequence[int] | None = None,
    cutoff: date = CUTOFF,
) -> list[tuple[int, ...]]:
    """Sum up transactions one by one, in a dictionary."""
    found: dict[tuple[int, int], tuple[int, set[int]]] = {}
    for row in transactions.to_pylist():
        days_ago = (cutoff - row["t_dat"]).days
        known = customers is None or row["customer_key"] in customers
        if days_ago >= 1 and known and (days is None or days_ago <= days):
            pair = row["customer_key"], row["article_key"]
            pieces, on = found.get(pair, (0, set()))
            found[pair] = pieces + row["quantity"], on | {days_ago}
    return sorted(
        (*pair, pieces, min(on), max(on), len(on)) for pair, (pieces, on) in found.items()
    )


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

    found = read_purchases(toy_lake, table, cutoff=date(2020, 9, 1))
    assert found.schema.equals(toy_purchases.schema)
    for name in found.column_names:
        np.testing.assert_allclose(found[name], toy_purchases[name], rtol=1e-6)


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

    assert rows_of(purchases) == [
        (2, 70, 1, 366, 366, 1), (3, 4, 1, 30, 30, 1), (3, 9, 7, 1, 15, 2),
    ]  # fmt: skip
    assert purchases.schema.equals(PURCHASES)
    # Two pieces at 0.05, one at 0.04, four at 0.05.
    expected_price = [0.05, 0.05, (6 * 0.05 + 0.04) / 7]
    np.testing.assert_allclose(purchases["mean_price"], expected_price, rtol=1e-6)
    # A day of purchase counts once, at whatever prices.
    np.testing.assert_allclose(
        purchases["decayed_14"][2].as_py(), np.exp(-1 / 14) + np.exp(-15 / 14), rtol=1e-6
    )


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
    assert max(row[3] for row in found) == days


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
    assert purchases.schema.equals(PURCHASES)


def test_keys_of_any_size_stay_apart(lake: Lake) -> None:
    most, day = 2**31 - 1, date(2020, 9, 15)
    pairs = [(most, 2), (2, most), (most, most), (2, 2), (3, 2)]
    commit_transactions(lake, RUN_DATE, make_transactions([(day, *pair, 1) for pair in pairs]))

    found = rows_of(read_purchases(lake, TRANSACTIONS, cutoff=CUTOFF))

    assert found == [(*pair, 1, 1, 1, 1) for pair in sorted(pairs)]


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
