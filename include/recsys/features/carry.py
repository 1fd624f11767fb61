"""Facts as of a cutoff, from the features of an earlier one and from what has changed since."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from recsys.columns import Columns as C
from recsys.features.facts import (
    Catalogue,
    add_up_articles,
    age_articles,
    age_customers,
    at,
    by_key,
    summarise_articles,
    summarise_customers,
    take_away_articles,
)
from recsys.features.history import Ints, Pairs, Purchases


@dataclass(frozen=True)
class Known:
    """FEATURES_CUSTOMERS and FEATURES_ARTICLES as of an earlier cutoff, of the same history."""

    cutoff: date
    customers: pa.Table
    articles: pa.Table

    @property
    def ages(self) -> Ints:
        """int64 [customers], the ages that the features were made with; see `Catalogue`."""
        return by_key(self.customers[C.CUSTOMER_KEY], self.customers[C.AGE])


def changed_customers(known: Known, ages: Ints, bought: Ints) -> Ints:
    """Return the customers whose facts are not just older, ascending.

    Args:
        known: the earlier features.
        ages: int64 [customers], as the catalogue has them now.
        bought: customers who bought since the earlier cutoff; they may repeat.
    """
    keys = np.arange(max(len(ages), len(known.ages)))
    other_age = np.flatnonzero(at(ages, keys) != at(known.ages, keys))
    return np.union1d(other_age, bought)


def carry_over(
    known: Known,
    history: pa.Table,
    catalogue: Catalogue,
    *,
    cutoff: date,
    history_length: int,
) -> tuple[pa.Table, pa.Table]:
    """Return CUSTOMER_FACTS, in no order, and ARTICLE_FACTS as of the cutoff.

    A changed customer may stand twice: the first row holds.

    Args:
        known: the earlier features.
        history: all cleaned.transactions of `changed_customers`.
        catalogue: of now.
        cutoff: as of which day.
        history_length: recent articles of a customer.
    """
    days = (cutoff - known.cutoff).days
    purchases = Purchases.of(history, cutoff=cutoff)
    pairs = Pairs.of(purchases)
    anew = summarise_customers(purchases, pairs, catalogue, history_length=history_length)
    before = Pairs.of(Purchases.of(history, cutoff=known.cutoff))
    articles = add_up_articles(
        age_articles(known.articles, days=days),
        take_away_articles(summarise_articles(before, known.ages)),
        summarise_articles(pairs, catalogue.ages),
    )
    return pa.concat_tables([anew, age_customers(known.customers, days=days)]), articles
