from typing import Any

import numpy as np
import pyarrow as pa

from recsys.examples.encode import Encoder
from recsys.models.inputs import Pca, Snapshot, build_snapshot


def test_row_k_is_key_k_and_the_reserved_rows_are_neutral(
    snapshot: Snapshot, customer_features: pa.Table
) -> None:
    assert snapshot.customer_numbers.shape == (62, 17)
    assert snapshot.article_numbers.shape == (42, 18)
    assert snapshot.article_categories.shape == (42, 12)
    first = customer_features["recent_articles"][0].as_py()
    assert snapshot.recent_articles[2].tolist() == [*first, 0, 0, 0]
    assert snapshot.recent_days[2].tolist() == [1, 2, 3, 4, 5, 0, 0, 0]
    for array in (snapshot.customer_numbers, snapshot.article_numbers, snapshot.recent_articles):
        assert not array[:2].any()
    assert snapshot.is_on_sale[:3].tolist() == [False, False, True]
    assert np.isnan(snapshot.mean_price[:2]).all()


def test_an_article_never_sold_is_off_sale_flagged_and_shares_its_key_code(
    snapshot: Snapshot,
) -> None:
    assert not snapshot.is_on_sale[41]
    assert snapshot.article_numbers[41, 16:].tolist() == [1.0, 1.0]
    assert snapshot.article_categories[41, -1] == 0
    assert snapshot.article_categories[40, -1] > 0


def test_age_bands_are_places_in_the_list_of_bands(snapshot: Snapshot) -> None:
    assert snapshot.age_bands[[0, 11, 10]].tolist() == [7, 3, 7]


def test_image_vectors_go_to_their_articles_and_others_are_zero(
    snapshot: Snapshot, images: tuple[Any, Any]
) -> None:
    assert np.array_equal(snapshot.image_vectors[2], images[1][0])
    assert not snapshot.image_vectors[41].any()


def test_an_image_of_a_later_catalogue_is_left_out(
    customer_features: pa.Table, article_features: pa.Table, articles: pa.Table, encoder: Encoder
) -> None:
    images = (np.array([5, 900], np.int32), np.ones((2, 3), np.float32))
    found = build_snapshot(
        customer_features,
        article_features,
        articles,
        cutoff=_cutoff(),
        encoder=encoder,
        images=images,
    )
    assert found.image_vectors.sum(axis=1).nonzero()[0].tolist() == [5]


def test_tables_may_come_in_any_order(
    customer_features: pa.Table,
    article_features: pa.Table,
    articles: pa.Table,
    encoder: Encoder,
    images: tuple[Any, Any],
    snapshot: Snapshot,
) -> None:
    tables = (customer_features, article_features, articles)
    turned = [t.take(np.arange(len(t))[::-1].copy()) for t in tables]
    found = build_snapshot(*turned, cutoff=_cutoff(), encoder=encoder, images=images)
    for name in ("customer_numbers", "article_categories", "recent_articles", "is_on_sale"):
        assert np.array_equal(getattr(found, name), getattr(snapshot, name)), name


def test_pca_reduces_and_scales(tmp_path: Any) -> None:
    pca = Pca(np.array([1, 1], np.float32), np.array([[0, 1]], np.float32), 0.5)
    assert pca.reduce(np.array([[9, 5], [1, 1]], np.float32)).tolist() == [[2.0], [0.0]]
    pca.save(tmp_path / "pca.npz")
    again = Pca.load(tmp_path / "pca.npz")
    assert again.reduce(np.array([[9, 5]], np.float32)).tolist() == [[2.0]]


def _cutoff() -> Any:
    from datetime import date

    return date(2020, 9, 16)
