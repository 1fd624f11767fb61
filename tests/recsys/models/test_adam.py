"""Our Adam beside Keras's, on a dense variable and on a table whose rows are shared."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from recsys.models.adam import Adam
from recsys.models.row_sums import choose, dense

pytestmark = pytest.mark.tensorflow

# Row 1 is chosen three times, once twice by the same line; row 4 never.
ROWS = [[0, 1], [1, 1], [2, 3]]


@pytest.mark.parametrize("sliced", ["slices", "indexed"])
def test_three_steps_move_as_keras_moves(sliced: str) -> None:
    random = np.random.default_rng(1)
    start = [random.normal(size=shape).astype(np.float32) for shape in ((5, 2), (3,))]
    ours, theirs = ([tf.Variable(array) for array in start] for _ in range(2))
    adam, keras_adam = Adam(ours, 0.1), keras.optimizers.Adam(0.1)
    keras_adam.build(theirs)
    for _ in range(3):
        values = tf.constant(random.normal(size=(3, 2)).astype(np.float32))
        vector = tf.constant(random.normal(size=3).astype(np.float32))
        indexed = tf.IndexedSlices(
            tf.repeat(values, 2, axis=0), tf.constant(np.ravel(ROWS)), tf.constant([5, 2])
        )
        gradient = (
            dense(indexed, ours[0])
            if sliced == "indexed"
            else choose(tf.constant(ROWS), 5).gradient(values)
        )
        adam.apply([gradient, vector])
        keras_adam.apply([tf.convert_to_tensor(indexed), vector], theirs)
    for mine, other, before in zip(ours, theirs, start, strict=True):
        assert np.allclose(mine.numpy(), other.numpy(), rtol=0, atol=1e-5)
        assert not np.allclose(mine.numpy(), before, rtol=0, atol=0.05)
