"""Small cleaned tables, written down as rows, and their features."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recsys.features.facts import Catalogue, by_key, summarise_articles, summarise_customers
from recsys.features.history import Ints, Pairs, Purchases
from recsys.schemas import (
    AGE_BANDS,
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    CLEANED_TRANSACTIONS,
)

CUTOFF = date(2020, 9, 1)


@pytest.fixture
def cutoff() -> date:
    return CUTOFF


def make_purchases(*rows: Sequence[Any]) -> Purchases:
    """Return what is before the cutoff of the rows that `make_transactions` makes."""
    return Purchases.of(make_transactions(*rows), cutoff=CUTOFF)


def make_transactions(*rows: Sequence[Any]) -> pa.Table:
    """Make purchases of (days before the cutoff, customer, article[, quantity, price, channel])."""
    full = []
    for days, customer, article, *rest in rows:
        quantity, price, channel = (*rest, *(1, 0.5, 2)[len(rest) :])
        day = CUTOFF - timedelta(days=days)
        full.append((day, customer, article, price, channel, quantity))
    return _table(full, CLEANED_TRANSACTIONS)


def make_customers(ages: dict[int, int | None]) -> pa.Table:
    """Make customers of key=age; the age may be None."""
    bands = {None: "unknown", 18: "16-19", 22: "20-24", 40: "40-49", 45: "40-49"}
    rows = [{"customer_key": key, "age": age, "age_band": bands[age]} for key, age in ages.items()]
    return pa.Table.from_pylist(rows, CLEANED_CUSTOMERS)


def make_articles(groups: dict[int, str | None]) -> pa.Table:
    """Make articles of key=product group; the group may be None."""
    rows = [{"article_key": key, "product_group_name": name} for key, name in groups.items()]
    return pa.Table.from_pylist(rows, CLEANED_ARTICLES)


def bands_of(customers: pa.Table) -> Ints:
    codes = pc.index_in(customers["age_band"], pa.array(AGE_BANDS))
    return by_key(customers["customer_key"], codes)


@pytest.fixture
def summarise() -> Callable[..., tuple[pa.Table, pa.Table]]:
    """Return customer and article facts of purchases and a catalogue."""

    def summarise(
        purchases: Purchases, customers: pa.Table, articles: pa.Table, *, history_length: int = 64
    ) -> tuple[pa.Table, pa.Table]:
        catalogue, pairs = Catalogue.of(customers, articles), Pairs.of(purchases)
        return (
            summarise_customers(purchases, pairs, catalogue, history_length=history_length),
            summarise_articles(pairs, catalogue.ages),
        )

    return summarise


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    names = schema.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
