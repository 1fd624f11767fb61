"""Hand-worked: customer 0 bought article 2 (3 pieces, yesterday) and article 4 (31 days ago)."""

from dataclasses import replace
from datetime import date
from math import exp, log

import numpy as np
import pytest

from recsys.features import interactions
from recsys.features.interactions import INTERACTION_NAMES, interaction_features
from recsys.features.rows import TASTES, ArticleRows, Catalogue, CustomerRows

NAN = float("nan")


def codes(*values: int) -> np.ndarray:
    return np.array([-1, -1, *values], np.int32)


# Articles 2 and 3 are one product code in two colours; article 5 has unknown attributes.
CATALOGUE = Catalogue(
    product_code=codes(0, 0, 1, -1),
    tastes={name: codes(0, 0, 1, -1) for name in TASTES} | {"colour": codes(0, 1, 1, -1)},
    mean_price=np.array([NAN, NAN, 0.02, 0.04, 0.01, NAN], np.float32),
    mean_customer_age=np.array([NAN, NAN, 30, 45, NAN, 20], np.float32),
)
CUSTOMERS = CustomerRows(
    recent_articles=np.array([[2, 4, 0], [0, 0, 0]], np.int32),
    recent_days=np.array([[1, 31, 0], [0, 0, 0]], np.float32),
    recent_quantities=np.array([[3, 1, 0], [0, 0, 0]], np.float32),
    mean_price=np.array([0.02, NAN], np.float32),
    age=np.array([25, NAN], np.float32),
    cutoff=date(2020, 9, 20),  # a Sunday
)
CANDIDATES = np.array([[2, 3, 4, 5, 0]] * 2, np.int32)


@pytest.fixture
def features() -> dict[str, np.ndarray]:
    values = interaction_features(CUSTOMERS, ArticleRows(CANDIDATES, CATALOGUE))
    assert values.shape == (2, 5, len(INTERACTION_NAMES))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    return dict(zip(INTERACTION_NAMES, np.moveaxis(values, -1, 0), strict=True))


def check(found: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_an_article_bought_before_is_told_from_its_sibling(
    features: dict[str, np.ndarray],
) -> None:
    check(features["bought_before"][0], [1, 0, 1, 0, 0])
    check(features["log_quantity_before"][0], [log(4), 0, log(2), 0, 0])
    check(features["article_recency"][0], [exp(-1 / 30), 0, exp(-31 / 30), 0, 0])
    check(features["log_days_since_article"][0], [log(2) / log(366), 1, log(32) / log(366), 1, 1])


def test_a_product_code_is_bought_with_any_of_its_articles(
    features: dict[str, np.ndarray],
) -> None:
    check(features["bought_product_before"][0], [1, 1, 1, 0, 0])
    check(features["product_recency"][0], [exp(-1 / 30), exp(-1 / 30), exp(-31 / 30), 0, 0])


def test_shares_weigh_recent_purchases_more(features: dict[str, np.ndarray]) -> None:
    new, old = exp(-1 / 90), exp(-31 / 90)
    total = new + old
    check(features["product_type_share"][0], [new / total, new / total, old / total, 0, 0])
    check(features["colour_share"][0], [new / total, old / total, old / total, 0, 0])


def test_price_and_age_have_neutral_values(features: dict[str, np.ndarray]) -> None:
    check(features["log_price_ratio"], [[0, log(2), log(0.5), 0, 0], [0] * 5])
    check(features["age_gap"], [[0.5, 2.0, 1.5, 0.5, 1.5], [1.5] * 5])


def test_the_calendar_is_the_cutoffs(features: dict[str, np.ndarray]) -> None:
    check(features["weekday_sin"][0], [np.sin(2 * np.pi * 6 / 7)] * 5)
    check(features["month_cos"][0], [-0.5] * 5)  # September: two thirds of the circle
    check(features["is_weekend"][0], [1] * 5)


def test_a_customer_without_purchases_is_neutral(features: dict[str, np.ndarray]) -> None:
    for name in ("bought_before", "article_recency", "bought_product_before", "section_share"):
        check(features[name][1], [0] * 5)
    check(features["log_days_since_product"][1], [1] * 5)


def test_the_latest_article_of_a_product_code_counts() -> None:
    customers = replace(CUSTOMERS, recent_articles=np.array([[3, 2, 0], [0, 0, 0]], np.int32))
    values = interaction_features(customers, ArticleRows(CANDIDATES, CATALOGUE))
    product = values[0, :, INTERACTION_NAMES.index("product_recency")]
    check(product, [exp(-1 / 30), exp(-1 / 30), 0, 0, 0])


def brute_force(customers: CustomerRows, keys: np.ndarray, catalogue: Catalogue) -> np.ndarray:
    """Return bought, product bought and the department share by comparing one by one."""
    out = np.zeros((*keys.shape, 3))
    for i, j in np.ndindex(*keys.shape):
        key, total = keys[i, j], 0.0
        for article, days in zip(
            customers.recent_articles[i], customers.recent_days[i], strict=True
        ):
            if article == 0:
                continue
            total += exp(-days / 90)
            out[i, j, 0] = max(out[i, j, 0], article == key)
            out[i, j, 1] = max(
                out[i, j, 1], catalogue.product_code[article] == catalogue.product_code[key]
            )
            department = catalogue.tastes["department"]
            out[i, j, 2] += exp(-days / 90) * (department[article] == department[key])
        out[i, j, 2] /= total or 1
    return out


def test_chunks_and_lookups_agree_with_comparing_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interactions, "CHUNK_ELEMENTS", 64)
    rng = np.random.default_rng(1)
    n, length, articles = 23, 6, 40
    recent = np.stack([rng.permutation(np.arange(2, articles))[:length] for _ in range(n)])
    recent[np.arange(length) >= rng.integers(0, length + 1, n)[:, None]] = 0
    random_codes = {name: codes(*rng.integers(0, 5, articles - 2)) for name in TASTES}
    catalogue = Catalogue(
        product_code=codes(*rng.integers(0, 15, articles - 2)),
        tastes=random_codes,
        mean_price=np.ones(articles, np.float32),
        mean_customer_age=np.ones(articles, np.float32),
    )
    customers = CustomerRows(
        recent_articles=recent.astype(np.int32),
        recent_days=np.sort(rng.integers(1, 300, (n, length)), axis=1).astype(np.float32),
        recent_quantities=np.ones((n, length), np.float32),
        mean_price=np.ones(n, np.float32),
        age=np.ones(n, np.float32),
        cutoff=date(2020, 9, 1),
    )
    keys = rng.integers(2, articles, (n, 9)).astype(np.int32)
    values = interaction_features(customers, ArticleRows(keys, catalogue))
    names = ["bought_before", "bought_product_before", "department_share"]
    found = values[..., [INTERACTION_NAMES.index(name) for name in names]]
    np.testing.assert_allclose(found, brute_force(customers, keys, catalogue), atol=1e-6)


def test_no_customers_give_no_rows() -> None:
    nobody = CUSTOMERS.take(slice(0, 0))
    values = interaction_features(nobody, ArticleRows(CANDIDATES[:0], CATALOGUE))
    assert values.shape == (0, 5, len(INTERACTION_NAMES))
