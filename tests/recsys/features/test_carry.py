"""Features carried over from an earlier cutoff are those that the whole history gives."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.recsys.features.conftest import CUTOFF, bands_of, make_articles, make_customers

from recsys.features.articles import describe_articles
from recsys.features.carry import Known, carry_over, changed_customers
from recsys.features.customers import describe_customers
from recsys.features.facts import Catalogue, summarise_articles, summarise_customers
from recsys.features.history import Pairs, Purchases
from recsys.schemas import CLEANED_TRANSACTIONS

AGES = {key: (18, 22, 40, None)[key % 4] for key in range(2, 40)}
GROUPS = {key: ("Shoes", "Bags", None)[key % 3] for key in range(2, 30)}
LENGTH = 8


@pytest.fixture(scope="module")
def history() -> pa.Table:
    """Six thousand purchases on 200 days; few customers buy on any one day."""
    draw = np.random.default_rng(7)
    number = 6000
    days = draw.integers(1, 200, number)
    columns = {
        "t_dat": [CUTOFF - timedelta(days=int(day)) for day in days],
        "customer_key": 2 + (days * 7 + draw.integers(0, 5, number)) % 42,  # some of no catalogue
        "article_key": draw.integers(2, 32, number),
        "price": draw.choice([0.01, 0.033898305, 0.5], number),
        "sales_channel_id": draw.integers(1, 3, number),
        "quantity": draw.integers(1, 4, number),
    }
    return pa.table(columns).cast(CLEANED_TRANSACTIONS)


def describe(
    facts: tuple[pa.Table, pa.Table], history: pa.Table, people: pa.Table, cutoff: date
) -> tuple[pa.Table, pa.Table]:
    recent, articles = Purchases.of(history, cutoff=cutoff).within(30), make_articles(GROUPS)
    return (
        describe_customers(facts[0], recent, people),
        describe_articles(facts[1], recent, bands_of(people), articles, on_sale_days=28),
    )


def features(history: pa.Table, people: pa.Table, cutoff: date) -> tuple[pa.Table, pa.Table]:
    purchases = Purchases.of(history, cutoff=cutoff)
    pairs, catalogue = Pairs.of(purchases), Catalogue.of(people, make_articles(GROUPS))
    facts = (
        summarise_customers(purchases, pairs, catalogue, history_length=LENGTH),
        summarise_articles(pairs, catalogue.ages),
    )
    return describe(facts, history, people, cutoff)


def carried(
    history: pa.Table, then: pa.Table, now: pa.Table, earlier: date
) -> tuple[tuple[pa.Table, pa.Table], list[int]]:
    known = Known(earlier, *features(history, then, earlier))
    catalogue = Catalogue.of(now, make_articles(GROUPS))
    day = pc.field("t_dat")
    since = history.filter((day >= earlier) & (day < CUTOFF))["customer_key"].to_numpy()
    changed = changed_customers(known, catalogue.ages, since)
    theirs = history.filter(pc.field("customer_key").isin(changed))
    facts = carry_over(known, theirs, catalogue, cutoff=CUTOFF, history_length=LENGTH)
    return describe(facts, history, now, CUTOFF), changed.tolist()


@pytest.mark.parametrize("days", [1, 7, 60])
def test_carried_rows_are_those_of_the_whole_history(history: pa.Table, days: int) -> None:
    people = make_customers(AGES)
    found, changed = carried(history, people, people, CUTOFF - timedelta(days=days))
    assert found == features(history, people, CUTOFF)
    assert days == 60 or 0 < len(changed) < 36


def test_customers_who_come_go_or_are_of_another_age_are_looked_at_again(
    history: pa.Table,
) -> None:
    then = AGES | {40: None, 41: 22}
    now = {key: age for key, age in AGES.items() if key != 5} | {8: 45, 9: None, 10: 18, 42: 22}
    nobody_buys = history.filter(pc.field("t_dat") != CUTOFF - timedelta(days=1))
    found, changed = carried(
        nobody_buys, make_customers(then), make_customers(now), CUTOFF - timedelta(days=1)
    )
    assert changed == [5, 8, 9, 10, 40, 41, 42]
    assert found == features(nobody_buys, make_customers(now), CUTOFF)


def test_nothing_new_only_makes_everything_older(history: pa.Table) -> None:
    people, earlier = make_customers(AGES), CUTOFF - timedelta(days=3)
    quiet = history.filter(pc.field("t_dat") < earlier)
    found, changed = carried(quiet, people, people, earlier)
    assert changed == []
    assert found == features(quiet, people, CUTOFF)
