import numpy as np
import pytest
import tensorflow as tf

from recsys.models import losses

pytestmark = pytest.mark.tensorflow


def test_the_correction_subtracts_the_log_of_the_expected_count() -> None:
    corrected = losses.correct_sampling(
        tf.constant([[1.0, 1.0]]), tf.constant([np.e, 1 / np.e], tf.float32)
    )
    assert corrected.numpy()[0] == pytest.approx([0.0, 2.0])


def test_corrected_logits_recover_the_true_probabilities_of_a_toy() -> None:
    """Three articles bought with p = 0.6, 0.3, 0.1 and drawn as negatives just as often.

    The loss over popularity-sampled candidates must be least where the softmax of the raw scores is
    p, not where it is uniform, which is where it ends without the correction.
    """
    p = np.array([0.6, 0.3, 0.1])
    scores = tf.Variable(tf.zeros(3))
    draws = np.random.default_rng(0).choice(3, size=(4_000, 9), p=p)
    expected = (9 * p[draws]).astype(np.float32)
    optimizer = tf.keras.optimizers.Adam(0.05)
    for _ in range(100):
        with tf.GradientTape() as tape:
            logits = losses.correct_sampling(tf.gather(scores, draws), expected)
            # Other copies of the positive are accidental hits.
            hits = (draws == draws[:, :1]) & (np.arange(9) > 0)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    tf.zeros(len(draws), tf.int32), tf.where(hits, losses.MASKED, logits)
                )
            )
        optimizer.apply([tape.gradient(loss, scores)], [scores])
    assert tf.nn.softmax(scores).numpy() == pytest.approx(p, abs=0.05)


def test_accidental_hits_are_what_the_customer_bought_in_this_batch() -> None:
    hits = losses.accidental_hits(tf.constant([7, 7, 8, 9]), tf.constant([21, 22, 21, 23]))
    assert hits.numpy().tolist() == [
        [False, True, True, False],  # customer 7 bought 21 and 22
        [True, False, True, False],
        [True, False, False, False],  # customer 8 bought 21, which row 0 holds as well
        [False, False, False, False],
    ]


def test_accidental_hits_and_padding_get_probability_zero() -> None:
    logits = tf.constant([[0.0, 50.0], [0.0, 0.0]])
    hits = tf.constant([[False, True], [False, False]])
    sampled = tf.constant([[90.0], [0.0]])
    real = tf.constant([[False], [True]])
    loss = losses.retrieval_loss(logits, hits, sampled, real)
    # Row 0 is left with its positive alone: loss 0. Row 1 has three equal candidates: log 3.
    assert loss.numpy() == pytest.approx(np.log(3) / 2)


def test_masked_logits_have_no_gradient() -> None:
    logits = tf.Variable([[0.0, 50.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = losses.retrieval_loss(
            logits, [[False, True], [False, False]], [[90.0], [0.0]], [[False], [True]]
        )
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0].tolist() == [0.0, 0.0]


def test_the_ranking_loss_is_a_mean_over_real_pairs() -> None:
    logits = tf.constant([[0.0, 0.0, 77.0]])
    labels = tf.constant([[1.0, 0.0, 0.0]])
    real = tf.constant([[True, True, False]])
    assert losses.ranking_loss(logits, labels, real).numpy() == pytest.approx(np.log(2))
