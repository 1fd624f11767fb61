from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recsys.models import losses

pytestmark = pytest.mark.tensorflow


def test_the_correction_subtracts_the_log_of_the_probability() -> None:
    corrected = losses.correct_sampling(tf.constant([[1.0, 1.0]]), tf.constant([1.0, 1 / np.e]))
    assert corrected.numpy()[0] == pytest.approx([1.0, 2.0])


def test_presence_is_the_chance_of_at_least_one_draw() -> None:
    # 1 - (3/4)^2 = 7/16.
    assert losses.presence(tf.constant([0.25, 0.0, 1.0]), 2.0).numpy() == pytest.approx(
        [7 / 16, 0.0, 1.0]
    )


def test_an_article_is_one_candidate_however_often_it_was_bought() -> None:
    firsts, places = losses.distinct(tf.constant([22, 21, 22, 23]))
    assert firsts.numpy().tolist() == [0, 1, 3]
    assert places.numpy().tolist() == [0, 1, 0, 2]


def test_corrected_scores_recover_the_known_probabilities_of_a_toy() -> None:
    """Every customer buys article i with probability p; a batch's articles are the candidates.

    The loss must be least where the softmax of the scores is p. Without the correction it is least
    at (0.54, 0.23, 0.23); with copies counted, at (0.76, 0.19, 0.05).
    """
    p = np.array([0.6, 0.3, 0.1])
    batches = [tf.constant(b) for b in np.random.default_rng(0).choice(3, (400, 9), p=p)]
    scores, optimizer = tf.Variable(tf.zeros(3)), keras.optimizers.SGD(0.2)
    optimizer.build([scores])

    @tf.function
    def step(articles: Any) -> None:
        firsts, places = losses.distinct(articles)
        candidates = tf.gather(articles, firsts)
        with tf.GradientTape() as tape:
            chances = losses.presence(tf.constant(p, tf.float32), 9.0)
            logits = losses.correct_sampling(
                tf.gather(scores, candidates), tf.gather(chances, candidates)
            )
            rest = losses.log_sum_of_negatives(tf.tile(logits[None], [9, 1]), tf.range(9), places)
            own = tf.gather(logits, places)[:, None]
            loss = losses.retrieval_loss(own, tf.ones_like(own, tf.bool), rest)
        optimizer.apply([tape.gradient(loss, scores)], [scores])

    average = np.zeros(3)
    for epoch in range(5):
        for batch in batches:
            step(batch)
            average += scores.numpy() * (epoch == 4) / len(batches)
    found = np.exp(average) / np.exp(average).sum()
    assert found == pytest.approx(p, abs=0.04)


def test_negatives_are_what_the_customer_did_not_buy_in_this_batch() -> None:
    # Customer 0 bought articles 0 and 1 of three, customer 1 article 0, customer 2 all of them.
    people, places = tf.constant([0, 0, 1, 2, 2, 2]), tf.constant([0, 1, 0, 0, 1, 2])
    logits = tf.constant([[50.0, 60.0, 3.0], [70.0, 0.0, np.log(2)], [1.0, 2.0, 3.0]])
    found = losses.log_sum_of_negatives(logits, people, places).numpy()
    assert found[:2] == pytest.approx([3.0, np.log(3)])
    assert found[2] < -1e8


def test_negatives_and_samples_share_a_softmax_without_padding() -> None:
    loss = losses.retrieval_loss(
        tf.constant([[0.0, 90.0], [0.0, 0.0]]),
        tf.constant([[True, False], [True, True]]),
        tf.constant([losses.MASKED, np.log(2)]),
    )
    # Row 0 is left with its positive alone: loss 0. Row 1 has four equal candidates: log 4.
    assert loss.numpy() == pytest.approx(np.log(4) / 2)


def test_what_a_customer_bought_has_no_gradient_as_a_negative() -> None:
    logits = tf.Variable([[0.0, 50.0, 0.0], [0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        people, places = tf.constant([0, 0, 1, 1, 1]), tf.constant([0, 1, 0, 1, 2])
        rest = tf.gather(losses.log_sum_of_negatives(logits, people, places), people)
        own = tf.zeros([5, 1])
        loss = losses.retrieval_loss(own, tf.ones_like(own, tf.bool), rest)
    gradient = tape.gradient(loss, logits).numpy()
    # Both rows of customer 0 have the third article, as likely as their own, as a negative.
    assert gradient[0] == pytest.approx([0.0, 0.0, 2 * 0.5 / 5])
    assert gradient[1].tolist() == [0.0, 0.0, 0.0]


def test_the_ranking_loss_is_a_mean_over_real_pairs() -> None:
    logits = tf.constant([[0.0, 0.0, 77.0]])
    labels = tf.constant([[1.0, 0.0, 0.0]])
    real = tf.constant([[True, True, False]])
    assert losses.ranking_loss(logits, labels, real).numpy() == pytest.approx(np.log(2))
