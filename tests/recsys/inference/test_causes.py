"""Why an article is on a list, on the toy world of tests/recsys/conftest.py."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array
from tests.recsys.conftest import ARTICLES, CUSTOMERS

from recsys.inference import ease
from recsys.inference.candidates import Candidates
from recsys.inference.causes import REASONS, TEXTS, Causes, as_texts, source_codes
from recsys.inference.purchases import PURCHASES, PastPurchases
from recsys.inference.ragged import Ragged
from recsys.models.inputs import Snapshot
from recsys.schemas import AGE_BANDS, EASE, SOURCES

YOUNG, UNKNOWN = AGE_BANDS.index("20-24"), AGE_BANDS.index("unknown")


def bought(*rows: tuple[int, int, int, float]) -> PastPurchases:
    """Return purchases of (customer, article, days ago, weight), in the order of keys."""
    customers, articles, days, weights = zip(*rows, strict=True)
    columns = {name: [1] * len(rows) for name in PURCHASES.names}
    columns |= {"customer_key": customers, "article_key": articles, "days_since": days}
    columns |= {"decayed_120": weights}
    return PastPurchases.of(pa.table(columns, schema=PURCHASES), customers=CUSTOMERS)


@pytest.fixture
def causes(toy_snapshot: Snapshot) -> Causes:
    # Articles 2, 3 and 8 are one product; 3 and 6 one type; 4 and 6 one department.
    types = np.array([-1, -1, 0, 1, 2, -1, 1, -1, -1], np.int32)
    departments = np.array([-1, -1, -1, -1, 7, -1, 7, -1, -1], np.int32)
    tastes = {"product_type": types, "department": departments}
    snapshot = replace(toy_snapshot, catalogue=replace(toy_snapshot.catalogue, tastes=tastes))
    purchases = bought((2, 2, 1, 0.5), (2, 4, 30, 0.9), (2, 8, 40, 0.7), (3, 3, 5, 1.0))
    # 2 says 0.4 of 7 and 4 says 0.3, but customer 2 likes 4 more; 8 speaks against 7.
    cells = ([2, 4, 8, 3], [7, 7, 7, 5])
    closeness = csr_array(
        (np.array([0.4, 0.3, -0.9, 0.1], np.float32), cells), shape=(ARTICLES,) * 2
    )
    best = Ragged.group([YOUNG, UNKNOWN], [5, 6], count=9)
    return Causes.of(snapshot, purchases, closeness, best)


def explained(
    causes: Causes, customer: int, source: str, article: int, segment: int = YOUNG
) -> tuple[str, int]:
    candidates = Candidates.union(
        np.array([4, customer], np.int32), {source: Ragged.of([[], [article]])}
    )
    segments = np.array([UNKNOWN, segment], np.int8)
    texts, found = causes.explain(candidates, np.array([0]), segments)
    return texts.to_pylist()[0], int(found[0])


@pytest.mark.parametrize(
    ("customer", "source", "article", "expected"),
    [
        (2, "past_purchase", 8, ("bought {days} days ago", 40)),
        (2, "past_purchase", 2, ("bought a day ago", 0)),
        # 8 was bought longer ago than 2, but is liked more.
        (2, "same_product", 3, ("another variant of {article}", 8)),
        (3, "same_product", 2, ("another variant of {article}", 3)),
        # 0.3 * 0.9 is more than 0.4 * 0.5.
        (2, "copurchased", 7, ("often bought together with {article}", 4)),
        (3, "copurchased", 5, ("often bought together with {article}", 3)),
        (3, "copurchased", 7, ("often bought together with something bought", 0)),
        # The type comes before the department.
        (3, "taste", 6, ("popular, and of a kind with {article}", 3)),
        (2, "taste", 6, ("popular, and of a kind with {article}", 4)),
        (2, "taste", 5, ("popular among the kinds of things you buy", 0)),
        (2, "popular", 5, ("popular at your age", 0)),
        (2, "popular", 6, ("popular now", 0)),
        (2, "towers", 5, ("picked for you", 0)),
    ],
)
def test_each_source_names_its_cause(
    causes: Causes, customer: int, source: str, article: int, expected: tuple[str, int]
) -> None:
    assert explained(causes, customer, source, article) == expected


def test_an_unknown_age_is_no_age(causes: Causes) -> None:
    assert explained(causes, 2, "popular", 6, UNKNOWN) == ("popular now", 0)


def test_an_article_does_not_explain_itself(causes: Causes) -> None:
    assert explained(causes, 3, "same_product", 3) == ("another variant of something bought", 0)


def test_reasons_by_their_priority() -> None:
    sums = np.array([63, 47, 39, 35, 3, 1, 0], np.int32)

    assert as_texts(source_codes(sums)).to_pylist() == [*REASONS.values(), ""]
    assert sum(SOURCES.values()) == 63
    assert list(REASONS.values()) == [
        "bought before",
        "another variant of something bought",
        "often bought together with something bought",
        "popular among the kinds of things you buy",
        "popular now",
        "picked for you",
    ]
    assert len(set(TEXTS)) == 13


def test_who_speaks_for_whom_is_kept_as_a_table() -> None:
    closeness = csr_array(np.array([[0, 0.5, 0], [0, 0, 0], [-0.25, 0, 0]], np.float32))

    table = ease.to_table(closeness)

    assert table.schema.equals(EASE)
    assert table.to_pylist() == [
        {"article_key": 0, "other_article_key": 1, "score": 0.5},
        {"article_key": 2, "other_article_key": 0, "score": -0.25},
    ]
    assert (ease.from_table(table, 3) != closeness).nnz == 0
