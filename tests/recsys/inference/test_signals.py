"""What trees see of candidates, on the toy world of tests/recsys/conftest.py."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from recsys.inference.candidates import Candidates
from recsys.inference.purchases import PastPurchases
from recsys.inference.ragged import Ragged
from recsys.inference.signals import Signals
from recsys.models.inputs import Snapshot

#: Customer 2 bought 2 yesterday (day 1) and 8 (day 40); customer 3 bought 4 (day 90); 2, 3 and 8
#: are one product.
CUSTOMERS = np.array([2, 3, 5], np.int32)
Described = dict[tuple[int, int], dict[str, float]]


def candidates() -> Candidates:
    offers = {"popular": Ragged.of([[2, 3, 5], [2, 4], []]), "towers": Ragged.of([[3], [], [7]])}
    return Candidates.union(CUSTOMERS, offers)


def describe(signals: Signals, found: Candidates) -> Described:
    names, values = signals.describe(found)
    pairs = zip(found.customer_keys[found.rows].tolist(), found.article_keys.tolist(), strict=True)
    return {
        pair: dict(zip(names, row, strict=True))
        for pair, row in zip(pairs, values.tolist(), strict=True)
    }


@pytest.fixture
def signals(toy_snapshot: Snapshot, toy_purchases: pa.Table) -> Signals:
    prices = np.array([np.nan, np.nan, 0.05, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05], np.float32)
    catalogue = replace(toy_snapshot.catalogue, mean_price=prices)
    snapshot = replace(toy_snapshot, catalogue=catalogue)
    return Signals.of(snapshot, PastPurchases.of(toy_purchases, customers=6))


def test_every_candidate_gets_every_column_once(signals: Signals) -> None:
    names, values = signals.describe(candidates())
    assert values.shape == (6, len(names))
    assert values.dtype == np.float32
    assert len(set(names)) == len(names)


def test_a_past_purchase_is_known_and_what_was_never_bought_is_not(signals: Signals) -> None:
    rows = describe(signals, candidates())
    assert rows[2, 2]["days_since"] == rows[2, 2]["purchase_days"] == 1
    assert rows[3, 4]["quantity"] == 2
    assert np.isnan(rows[2, 5]["days_since"])
    assert np.isnan(rows[3, 2]["quantity"])  # the other customer bought it


def test_other_articles_of_the_product_count_for_its_kind(signals: Signals) -> None:
    rows = describe(signals, candidates())
    share = 1.0  # all that customer 2 ever bought is of that product
    assert rows[2, 3]["product_share"] == pytest.approx(share)
    assert rows[2, 3]["product_days_since"] == 1  # article 2, not 8
    assert rows[2, 3]["product_articles"] == 2
    assert rows[2, 3]["product_price_ratio"] == pytest.approx(2)  # 0.1 now, 0.05 paid
    assert rows[2, 5]["product_share"] == 0
    assert np.isnan(rows[2, 5]["product_days_since"])
    assert np.isnan(rows[5, 7]["product_share"])  # never bought anything


def test_articles_are_described_by_all_their_customers(signals: Signals) -> None:
    rows = describe(signals, candidates())
    assert rows[3, 2]["customers_7d"] == rows[3, 2]["first_customers_7d"] == 1
    assert rows[3, 4]["customers_28d"] == 0
    assert rows[3, 4]["customers_90d"] == 1
    assert rows[3, 2]["share_of_product"] == 1


def test_places_are_counted_within_a_customer_s_list(signals: Signals) -> None:
    found = candidates()
    found = replace(found, scores=np.array([0.1, 0.9, 0.5, 0.2, 0.3, 0.0], np.float32))
    rows = describe(signals, found)
    assert [rows[2, a]["tower_rank"] for a in (2, 3, 5)] == [3, 1, 2]
    assert [rows[3, a]["tower_rank"] for a in (2, 4)] == [2, 1]
    assert rows[2, 3]["by_towers"] == rows[2, 3]["by_popular"] == 1
    assert rows[2, 2]["by_towers"] == 0


def test_a_usual_time_between_purchases_says_when_the_next_is_due(
    toy_snapshot: Snapshot, toy_purchases: pa.Table
) -> None:
    # Customer 2 bought article 2 on three days, 21, 11 and 1 day ago.
    columns = {"first_days_since": [21, 40, 90], "purchase_days": [3, 1, 1]}
    for name, values in columns.items():
        place = toy_purchases.column_names.index(name)
        toy_purchases = toy_purchases.set_column(place, name, pa.array(values, pa.int32()))
    signals = Signals.of(toy_snapshot, PastPurchases.of(toy_purchases, customers=6))
    rows = describe(signals, candidates())
    assert rows[2, 2]["gap"] == 10
    assert rows[2, 2]["due"] == pytest.approx(0.1)
    assert rows[3, 2]["usual_gap"] == 10
    assert np.isnan(rows[3, 4]["gap"])


def test_nothing_to_describe(signals: Signals) -> None:
    nobody = Candidates.union(np.empty(0, np.int32), {"towers": Ragged.of([])})
    names, values = signals.describe(nobody)
    assert values.shape == (0, len(names))
