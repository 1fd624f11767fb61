import numpy as np
import pytest
import tensorflow as tf

from recsys.models.ranking import PairRanker

pytestmark = pytest.mark.tensorflow


def test_the_parts_add_up_to_one_dense_layer_over_their_concatenation() -> None:
    random = np.random.default_rng(0)
    ranker = PairRanker(
        customer_inputs=2, article_inputs=3, pair_inputs=4, units=(5, 3), policy="float32"
    )
    ranker.set_weights([random.normal(size=w.shape) for w in ranker.get_weights()])
    customer, article, pair = (random.normal(size=s) for s in ((1, 2), (1, 2, 3), (1, 2, 4)))
    found = ranker(
        ranker.customer_part(tf.constant(customer, tf.float32)),
        ranker.article_part(tf.constant(article, tf.float32)),
        tf.constant(pair, tf.float32),
    )
    parts = (ranker.customer_part, ranker.article_part, ranker.pair_part)
    kernel = np.concatenate([part.kernel.numpy() for part in parts])
    hidden = np.concatenate([np.repeat(customer[:, None], 2, axis=1), article, pair], axis=2)
    hidden = np.maximum(hidden @ kernel + ranker.customer_part.bias.numpy(), 0)
    dense = ranker.hidden[0]
    hidden = np.maximum(hidden @ dense.kernel.numpy() + dense.bias.numpy(), 0)
    last = ranker.output_logit
    expected = (hidden @ last.kernel.numpy() + last.bias.numpy())[..., 0]
    assert found.numpy() == pytest.approx(expected, rel=1e-4)
