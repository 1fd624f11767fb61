import numpy as np
import pytest
import tensorflow as tf

from recsys.models.towers import CategoryEmbedding, HistoryPooling, Tower

pytestmark = pytest.mark.tensorflow


def test_equal_codes_of_two_categories_have_rows_of_their_own() -> None:
    layer = CategoryEmbedding([2, 3], 4)
    table = np.arange(20, dtype=np.float32).reshape(5, 4)
    layer.set_weights([table])
    # Category 0 has rows 0 and 1, category 1 has rows 2, 3 and 4.
    assert layer(tf.constant([[1, 0], [0, 2]])).numpy().tolist() == [
        (table[1] + table[2]).tolist(),
        (table[0] + table[4]).tolist(),
    ]


def _pool(real: list[bool], days: list[float], quantities: list[float]) -> list[float]:
    layer = HistoryPooling([10.0])
    contents = tf.constant([[[1.0, 0.0], [0.0, 1.0]]])
    pooled = layer(contents, tf.constant([real]), tf.constant([days]), tf.constant([quantities]))
    return [float(value) for value in pooled.numpy()[0]]


def test_a_purchase_counts_half_after_each_half_life() -> None:
    assert _pool([True, True], [0.0, 10.0], [1.0, 1.0]) == pytest.approx([2 / 3, 1 / 3])


def test_more_pieces_weigh_more() -> None:
    # log(1 + 3) is twice log(1 + 1).
    assert _pool([True, True], [0.0, 0.0], [3.0, 1.0]) == pytest.approx([2 / 3, 1 / 3])


def test_padding_counts_nothing_whatever_stands_in_it() -> None:
    assert _pool([True, False], [5.0, np.nan], [1.0, 99.0]) == pytest.approx([1.0, 0.0])


def test_an_empty_history_is_zero() -> None:
    assert _pool([False, False], [0.0, 0.0], [0.0, 0.0]) == [0.0, 0.0]


def test_vectors_have_length_one() -> None:
    tower = Tower(5, (8,), 4, policy="float32")
    vectors = tower(tf.random.normal((3, 5), seed=1)).numpy()
    assert vectors.shape == (3, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 1.0])
