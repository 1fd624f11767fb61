"""Similar articles, by image, by behaviour and by what is bought together."""

import numpy as np
import pyarrow as pa
import pytest

from recsys.inference.similar import similar_articles
from recsys.schemas import FEATURES_COPURCHASES, SIMILAR_ARTICLES

ON_SALE = np.array([False, False, True, True, True, False])
#: 2 and 3 look alike; 2 and 4 are bought alike; 5 is not on sale and has no image.
IMAGES = np.array([[0, 0], [0, 0], [2, 0], [3, 0], [0, 1], [0, 0]], np.float32)
TOWERS = np.array([[0, 0], [0, 0], [1, 0], [0, 1], [1, 0], [0, 2]], np.float32)


NOTHING = FEATURES_COPURCHASES.empty_table()
#: With 2 people buy 4, and half as often 3 and 5; with 5 they buy 4; 9 is of no catalogue yet.
TOGETHER = pa.table(
    [[2, 2, 2, 2, 5, 9], [1, 2, 3, 4, 1, 1], [9, 4, 3, 5, 4, 2], [0.9, 0.4, 0.2, 0.2, 0.1, 0.5]],
    schema=FEATURES_COPURCHASES,
)


def pairs(
    image_share: float, limit: int = 1, *, together: pa.Table = NOTHING, share: float = 0.0
) -> list[tuple[int, int, int, float]]:
    table = similar_articles(
        IMAGES, TOWERS, together, is_on_sale=ON_SALE, image_share=image_share,
        copurchase_share=share, limit=limit,
    )  # fmt: skip
    assert table.schema.equals(SIMILAR_ARTICLES)
    return [tuple(row.values()) for row in table.to_pylist()]


def test_images_alone() -> None:
    assert pairs(1.0)[:2] == [(2, 1, 3, pytest.approx(1)), (3, 1, 2, pytest.approx(1))]


def test_behaviour_alone_and_an_article_not_on_sale_has_neighbours_but_is_none() -> None:
    assert pairs(0.0) == [
        (2, 1, 4, pytest.approx(1)),
        (3, 1, 2, pytest.approx(0)),  # ties by key
        (4, 1, 2, pytest.approx(1)),
        (5, 1, 3, pytest.approx(1)),
    ]


def test_both_weigh_as_told() -> None:
    assert pairs(0.75)[0] == (2, 1, 3, pytest.approx(0.75))
    assert pairs(0.25)[0] == (2, 1, 4, pytest.approx(0.75))


def test_fewer_rows_where_fewer_articles_are_on_sale() -> None:
    rows = pairs(0.5, limit=9)

    assert [row[1] for row in rows if row[0] == 2] == [1, 2]
    assert [row[1] for row in rows if row[0] == 5] == [1, 2, 3]
    assert all(row[0] != row[2] for row in rows)


def test_what_is_bought_together_counts_by_its_share_of_the_most_frequent() -> None:
    rows = pairs(1.0, limit=9, together=TOGETHER, share=0.5)
    assert [row for row in rows if row[0] == 2] == [
        (2, 1, 3, pytest.approx(0.5 * 1 + 0.5 * 0.2 / 0.4)),  # looks the same
        (2, 2, 4, pytest.approx(0.5 * 0 + 0.5)),
    ]
    assert next(row for row in rows if row[0] == 5) == (5, 1, 4, pytest.approx(0.5))


def test_together_alone() -> None:
    rows = pairs(1.0, limit=2, together=TOGETHER, share=1.0)
    assert [row for row in rows if row[0] == 2] == [(2, 1, 4, 1.0), (2, 2, 3, 0.5)]


def test_the_best_of_all_pairs_are_found_with_any_shares() -> None:
    """Beside scoring every pair."""
    rng = np.random.default_rng(6)
    count, limit = 60, 5
    images, towers = (rng.normal(size=(count, dim)).astype(np.float32) for dim in (6, 4))
    images[rng.random(count) < 0.2] = 0
    is_on_sale = rng.random(count) < 0.7
    is_on_sale[:2] = False
    bought = np.triu(rng.random((count, count)) * (rng.random((count, count)) < 0.1), 1)
    bought[:2] = bought[:, :2] = 0
    bought = (bought + bought.T).astype(np.float32)
    one, other = np.nonzero(bought)
    table = pa.table(
        [one, np.ones(len(one)), other, bought[one, other]], names=FEATURES_COPURCHASES.names
    ).cast(FEATURES_COPURCHASES)

    def unit(vectors: np.ndarray) -> np.ndarray:
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)

    joined = unit(np.hstack([unit(images) * 0.6**0.5, unit(towers) * 0.4**0.5]))
    companions = bought / np.maximum(bought.max(axis=1, keepdims=True), 1e-30)
    expected = 0.7 * joined @ joined.T + 0.3 * companions
    expected[:, ~is_on_sale] = -np.inf
    np.fill_diagonal(expected, -np.inf)
    found = similar_articles(
        images, towers, table, is_on_sale=is_on_sale, image_share=0.6, copurchase_share=0.3,
        limit=limit,
    )  # fmt: skip
    keys, scores = (found[name].to_numpy() for name in ("similar_article_key", "score"))
    best = np.argsort(-expected[2:], axis=1)[:, :limit]
    assert np.array_equal(keys.reshape(-1, limit), best)
    np.testing.assert_allclose(
        scores.reshape(-1, limit), np.take_along_axis(expected[2:], best, axis=1), atol=1e-6
    )
