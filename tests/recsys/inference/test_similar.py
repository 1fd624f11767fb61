"""Similar articles, by image and by behaviour."""

import numpy as np
import pytest

from recsys.inference.similar import similar_articles
from recsys.schemas import SIMILAR_ARTICLES

ON_SALE = np.array([False, False, True, True, True, False])
#: 2 and 3 look alike; 2 and 4 are bought alike; 5 is not on sale and has no image.
IMAGES = np.array([[0, 0], [0, 0], [2, 0], [3, 0], [0, 1], [0, 0]], np.float32)
TOWERS = np.array([[0, 0], [0, 0], [1, 0], [0, 1], [1, 0], [0, 2]], np.float32)


def pairs(image_share: float, limit: int = 1) -> list[tuple[int, int, int, float]]:
    table = similar_articles(
        IMAGES, TOWERS, is_on_sale=ON_SALE, image_share=image_share, limit=limit
    )
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
