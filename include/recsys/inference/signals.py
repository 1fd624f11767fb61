"""What the tree ranker sees of each candidate: one row of plain numbers, NaN where unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.examples.encode import ARTICLE_COLUMNS, CUSTOMER_COLUMNS
from recsys.inference.candidates import Candidates
from recsys.inference.kinds import describe_kind
from recsys.inference.purchases import FACTS, PastPurchases
from recsys.inference.ragged import Keys, descending
from recsys.models.inputs import Snapshot
from recsys.schemas import SOURCES

Floats = NDArray[np.float32]
Columns = Iterator[tuple[str, Floats]]

#: Days in which an article's customers, and those who bought it for the first time, are counted.
CUSTOMER_DAYS, FIRST_DAYS = (7, 28, 90), (7, 28)
#: Days of what a customer newly bought.
NEW_DAYS = 30


@dataclass(frozen=True, eq=False)
class Signals:
    """All that is known of one cutoff, to describe candidates by.

    articles: name -> [articles]; customers: name -> [customers]. Row = key.
    kinds: name -> int32 [articles], dense codes, -1 unknown.
    """

    snapshot: Snapshot
    purchases: PastPurchases
    articles: dict[str, Floats]
    customers: dict[str, Floats]
    kinds: dict[str, Keys]

    @classmethod
    def of(cls, snapshot: Snapshot, purchases: PastPurchases) -> Self:
        """Return the signals of a snapshot and all purchases before its cutoff."""
        catalogue = snapshot.catalogue
        kinds = {"product": catalogue.product_code, **catalogue.tastes}
        return cls(
            snapshot,
            purchases,
            dict(_describe_articles(snapshot, purchases, kinds)),
            dict(_describe_customers(snapshot, purchases)),
            kinds,
        )

    def describe(
        self, candidates: Candidates, *, as_lists: bool = True
    ) -> tuple[tuple[str, ...], Floats]:
        """Return the names of the columns, and float32 [pairs, columns] of the candidates.

        Pairs that are no lists, `as_lists=False`, have no columns of who offered them and of their
        places among the customer's others.
        """
        keys = candidates.article_keys
        owners = candidates.customer_keys[candidates.rows]
        past = self.purchases.take(candidates.customer_keys)
        columns = {name: values[keys] for name, values in self.articles.items()}
        columns |= {name: values[owners] for name, values in self.customers.items()}
        columns |= {"tower": candidates.scores, "copurchase": candidates.copurchase_scores}
        if as_lists:
            columns |= _places(candidates, columns["customers_28d"])
        columns |= self._fit(owners, keys)
        columns |= self._past(candidates, past)
        prices = self.snapshot.catalogue.mean_price
        for name, codes in self.kinds.items():
            said = describe_kind(codes, prices, candidates, past)
            columns |= {f"{name}_{what}": values for what, values in said.items()}
        matrix = np.empty((len(columns), len(keys)), np.float32)
        for row, values in zip(matrix, columns.values(), strict=True):
            row[:] = values
        return tuple(columns), matrix.T

    def _fit(self, owners: Keys, keys: Keys) -> dict[str, Floats]:
        """Return how the article's price and customers fit this customer."""
        people, catalogue = self.snapshot.customers, self.snapshot.catalogue
        return {
            "price_ratio": _ratio(catalogue.mean_price[keys], people.mean_price[owners]),
            "age_gap": np.abs(people.age[owners] - catalogue.mean_customer_age[keys]),
        }

    def _past(self, candidates: Candidates, past: PastPurchases) -> dict[str, Floats]:
        """Return how the customer bought the article itself."""
        places = past.articles.places(candidates.rows, candidates.article_keys)
        bought = places >= 0
        columns = {name: np.full(len(places), np.nan, np.float32) for name in FACTS}
        for name, column in columns.items():
            column[bought] = past.fact(name)[places[bought]]
        days, last = columns["purchase_days"], columns["days_since"]
        gap = _ratio(columns["first_days_since"] - last, np.where(days > 1, days - 1, np.nan))
        most = self.customers["most_days"][candidates.customer_keys[candidates.rows]]
        usual = self.articles["usual_gap"][candidates.article_keys]
        return columns | {
            "gap": gap,
            "due": _ratio(last, gap),
            "due_for_anyone": _ratio(last, usual),
            "days_beside_favourite": _ratio(days, most),
        }


def _describe_articles(
    snapshot: Snapshot, purchases: PastPurchases, kinds: dict[str, Keys]
) -> Columns:
    size = len(snapshot.is_on_sale)
    keys, first = purchases.articles.keys, purchases.fact("first_days_since")
    last, days = purchases.fact("days_since"), purchases.fact("purchase_days")
    for name, column in zip(ARTICLE_COLUMNS, snapshot.article_numbers.T, strict=True):
        yield f"article_{name}", column
    customers = {d: np.bincount(keys[last <= d], minlength=size) for d in CUSTOMER_DAYS}
    firsts = {d: np.bincount(keys[first <= d], minlength=size) for d in FIRST_DAYS}
    yield from ((f"customers_{d}d", n.astype(np.float32)) for d, n in customers.items())
    yield from ((f"first_customers_{d}d", n.astype(np.float32)) for d, n in firsts.items())
    yield "first_share", _ratio(firsts[28], customers[28] + 1)
    yield "customer_trend", _ratio(customers[7] + 1, customers[28] / 4 + 1)
    often = days > 1
    gaps = (first[often] - last[often]) / (days[often] - 1)
    repeated = np.bincount(keys[often], minlength=size)
    yield "usual_gap", _ratio(np.bincount(keys[often], gaps, minlength=size), repeated)
    yield "repeat_share", _ratio(repeated, np.bincount(keys, minlength=size) + 1)
    for name, codes in kinds.items():
        of_kind = np.bincount(np.maximum(codes, 0), customers[28] * (codes >= 0))
        share = _ratio(customers[28], of_kind[np.maximum(codes, 0)])
        yield f"share_of_{name}", np.where(codes >= 0, share, np.float32(np.nan))


def _describe_customers(snapshot: Snapshot, purchases: PastPurchases) -> Columns:
    size, rows = len(snapshot.age_bands), purchases.articles.rows
    for name, column in zip(CUSTOMER_COLUMNS, snapshot.customer_numbers.T, strict=True):
        yield f"customer_{name}", column
    new = np.bincount(rows[purchases.fact("first_days_since") <= NEW_DAYS], minlength=size)
    recent = np.bincount(rows[purchases.fact("days_since") <= NEW_DAYS], minlength=size)
    yield "new_articles", new.astype(np.float32)
    yield "new_share", _ratio(new, recent)
    most = np.zeros(size, np.float32)
    np.maximum.at(most, rows, purchases.fact("purchase_days"))
    yield "most_days", most


def _places(candidates: Candidates, customers: Floats) -> dict[str, Floats]:
    """Return who offered the candidates, and their places in each customer's list."""
    rows = candidates.rows
    scores = {
        "tower": candidates.scores,
        "copurchase": candidates.copurchase_scores,
        "customers": customers,
    }
    columns = {
        f"by_{name}": (candidates.sources & bit > 0).astype(np.float32)
        for name, bit in SOURCES.items()
    }
    return columns | {f"{name}_rank": _ranks(rows, score) for name, score in scores.items()}


def _ranks(rows: NDArray[np.int64], scores: Floats) -> Floats:
    """Return the place, from 1, of each entry among those of its row; rows ascend."""
    order = descending(rows, scores)
    starts = np.searchsorted(rows, rows)
    ranks = np.empty(len(rows), np.float32)
    ranks[order] = np.arange(1, len(rows) + 1) - starts
    return ranks


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Floats:
    """Return above / below; NaN where there is nothing to divide by."""
    top, bottom = np.asarray(above, np.float32), np.asarray(below, np.float32)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan, np.float32), where=bottom > 0)
