"""Which articles speak for which."""

import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from recsys.config import EaseConfig
from recsys.inference import ease
from recsys.inference.ease import fit_ease, history_of
from recsys.inference.purchases import DECAYS, PURCHASES, PastPurchases

ARTICLES, CUSTOMERS = 30, 200


def past_purchases(days: int = 1) -> PastPurchases:
    """Return purchases of random articles 2..29 by random customers, so many days ago."""
    random = np.random.default_rng(3)
    bought = random.random((CUSTOMERS, ARTICLES)) < 0.2
    bought[:, :2] = False
    customers, articles = np.nonzero(bought)
    since = np.full(len(customers), days)
    facts = {name: np.exp(-since / tau) for name, tau in DECAYS.items()}
    columns = {
        "customer_key": customers, "article_key": articles, "quantity": since,
        "days_since": since, "first_days_since": since, "purchase_days": since,
        "mean_price": since / 10, **facts,
    }  # fmt: skip
    table = pa.table({f.name: pa.array(columns[f.name]).cast(f.type) for f in PURCHASES})
    return PastPurchases.of(table, customers=CUSTOMERS)


def closed_form(purchases: PastPurchases, l2: float) -> np.ndarray:
    """Return EASE's weights as its paper writes them."""
    x = history_of(purchases).to_sparse(ARTICLES).toarray().astype(np.float64)[:, 2:]
    inverse = np.linalg.inv(x.T @ x + l2 * np.eye(ARTICLES - 2))
    weights = np.eye(ARTICLES - 2) - inverse / np.diag(inverse)
    return np.pad(weights, [(2, 0), (2, 0)])


@pytest.mark.parametrize("mirrored", [5, ease.MIRRORED])
def test_weights_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch, mirrored: int) -> None:
    monkeypatch.setattr(ease, "MIRRORED", mirrored)
    purchases, everything = past_purchases(), np.ones(ARTICLES, bool)
    config = EaseConfig(l2=7, min_customers=1, neighbours=ARTICLES)
    found = fit_ease(purchases, everything, config).toarray()
    np.testing.assert_allclose(found, closed_form(purchases, 7), atol=1e-6)


def test_only_the_strongest_speak_for_an_article_and_only_for_what_is_on_sale() -> None:
    purchases, on_sale = past_purchases(), np.arange(ARTICLES) != 9
    found = fit_ease(purchases, on_sale, EaseConfig(l2=7, min_customers=1, neighbours=3)).toarray()
    whole = closed_form(purchases, 7)
    assert not found[:, 9].any()
    for article in (2, 8, 29):
        kept = np.flatnonzero(found[:, article])
        assert sorted(kept) == sorted(np.argsort(-np.abs(whole[:, article]))[:3])
        np.testing.assert_allclose(found[kept, article], whole[kept, article], atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [EaseConfig(min_customers=CUSTOMERS), EaseConfig(min_customers=1, days=1)],
    ids=["too rare", "too long ago"],
)
def test_articles_that_few_bought_lately_have_no_weights(config: EaseConfig) -> None:
    assert fit_ease(past_purchases(days=2), np.ones(ARTICLES, bool), config).nnz == 0


def test_no_more_articles_than_asked_for_the_most_popular_first() -> None:
    purchases = past_purchases()
    customers = np.bincount(purchases.articles.keys, minlength=ARTICLES)
    found = fit_ease(purchases, np.ones(ARTICLES, bool), EaseConfig(articles=5, min_customers=1))
    known = np.flatnonzero(np.abs(found.toarray()).sum(axis=0))
    assert len(known) == 5
    assert customers[known].min() >= np.sort(customers)[-5]


def test_the_environment_s_number_of_threads_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(2, [300, 200], (4_000, 2)), axis=0)
    columns = {name: [1] * len(pairs) for name in PURCHASES.names}
    columns |= {"customer_key": pairs[:, 0], "article_key": pairs[:, 1]}
    columns |= {"decayed_120": rng.random(len(pairs))}
    purchases = PastPurchases.of(pa.table(columns, schema=PURCHASES), customers=300)

    def fitted() -> bytes:
        weights = fit_ease(purchases, np.ones(200, bool), EaseConfig(min_customers=1))
        return weights.data.tobytes()

    expected = fitted()
    with threadpool_limits(1, user_api="blas"):
        assert fitted() == expected
