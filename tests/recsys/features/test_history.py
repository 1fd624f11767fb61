import numpy as np
import pytest
from tests.recsys.features.conftest import make_purchases, make_transactions

from recsys.features.history import Pairs, Purchases, pack, places_of, starts_of, sum_by


def test_purchases_are_those_before_the_cutoff(cutoff) -> None:
    rows = make_transactions((1, 2, 10, 3, 0.1, 1), (0, 2, 11), (-1, 2, 12), (5, 3, 10, 2, 0.2))
    found = Purchases.of(rows, cutoff=cutoff)
    assert found.days_ago.tolist() == [1, 5]
    assert found.spend.tolist() == [300_000_000, 400_000_000]
    assert found.online_pieces.tolist() == [0, 2]


def test_pairs_are_ordered_by_customer_and_latest_first() -> None:
    pairs = Pairs.of(
        make_purchases((5, 3, 10), (2, 2, 11, 2), (9, 2, 11), (2, 2, 12), (1, 2, 10), (7, 3, 11))
    )
    entries = zip(pairs.customers, pairs.articles, pairs.days_since, strict=True)
    assert list(entries) == [(2, 10, 1), (2, 12, 2), (2, 11, 2), (3, 10, 5), (3, 11, 7)]
    assert pairs.first_days_since.tolist() == [1, 2, 9, 5, 7]
    assert pairs.pieces.tolist() == [1, 1, 3, 1, 1]


def test_no_purchases_have_no_pairs() -> None:
    assert len(Pairs.of(make_purchases()).customers) == 0


def test_packed_columns_sort_as_they_do() -> None:
    draw = np.random.default_rng(1)
    columns = [draw.integers(0, high, 500) for high in (3, 1, 1 << 30)]
    assert np.argsort(pack(*columns), kind="stable").tolist() == (
        np.lexsort(columns[::-1]).tolist()
    )


def test_columns_that_do_not_fit_are_refused() -> None:
    wide = np.array([1 << 40])
    with pytest.raises(OverflowError, match="41, 41"):
        pack(wide, wide)


def test_runs_of_equal_rows() -> None:
    first, second = np.array([1, 1, 1, 2]), np.array([4, 4, 5, 5])
    assert starts_of(first, second).tolist() == [0, 2, 3]
    assert places_of(first, second).tolist() == [0, 1, 0, 0]
    assert starts_of(first[:0]).tolist() == places_of(first[:0]).tolist() == []


def test_sums_by_key_have_a_place_for_every_key() -> None:
    assert sum_by(np.array([1, 3, 1]), np.array([5, 6, 7]), size=5).tolist() == [0, 12, 0, 6, 0]
