import numpy as np
import pytest
import tensorflow as tf

from recsys.models.row_sums import choose, dense

pytestmark = pytest.mark.tensorflow

# Row 1 is chosen three times, twice of these by the same line; row 4 never.
ROWS = [[0, 1], [1, 1], [2, 3]]


def test_chosen_rows_are_summed() -> None:
    table = np.arange(10, dtype=np.float32).reshape(5, 2)
    sums = choose(tf.constant(ROWS), 5).sums(tf.constant(table))
    assert sums.numpy().tolist() == [[2.0, 4.0], [4.0, 6.0], [10.0, 12.0]]


def test_gradients_are_those_of_gathering_and_summing() -> None:
    table = tf.Variable(np.arange(10, dtype=np.float32).reshape(5, 2))
    upstream = tf.constant([[1.0, -2.0], [0.5, 4.0], [3.0, 0.25]])
    with tf.GradientTape() as tape:
        sums = tf.reduce_sum(tf.gather(table, ROWS), axis=1)
    sliced = tape.gradient(sums, table, output_gradients=upstream)
    assert isinstance(sliced, tf.IndexedSlices)
    expected = tf.convert_to_tensor(sliced).numpy().tolist()
    assert choose(tf.constant(ROWS), 5).gradient(upstream).numpy().tolist() == expected
    assert dense(sliced, table).numpy().tolist() == expected
    assert dense(upstream, table) is upstream
