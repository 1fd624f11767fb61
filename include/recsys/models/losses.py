"""Losses: a softmax over a batch's articles, corrected for how they got there, and cross-entropy.

Sampling-bias correction: Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
recommendations", RecSys 2019. Mixed negatives: Yang et al., "Mixed negative sampling", WWW 2020.
"""

from typing import Any

import tensorflow as tf

#: A logit of this size has a softmax probability of exactly 0 in float32, and no NaN gradient.
MASKED = -1e9


def distinct(articles: Any) -> tuple[Any, Any]:
    """Return of keys int32 [batch] the first row of each distinct one [u], and whose row it is.

    An article stands once among a batch's candidates however often it was bought in it: only then
    is the probability of being there the right correction (counting copies instead puts the best
    sellers a quarter too high on a toy with known probabilities).
    """
    keys, places = tf.unique(articles)
    firsts = tf.math.unsorted_segment_min(tf.range(tf.size(articles)), places, tf.size(keys))
    return firsts, places


def presence(shares: Any, draws: Any) -> Any:
    """Return the probability that an article of this share is among so many draws."""
    return 1.0 - tf.pow(1.0 - shares, draws)


def correct_sampling(logits: Any, probabilities: Any) -> Any:
    """Return logits minus the log of each article's probability of being a candidate.

    A popular article is a negative more often; without the correction it would be pushed away for
    that alone. probabilities [candidates] or of the logits' shape; 0 counts as 1e-9.
    """
    return logits - tf.math.log(tf.maximum(probabilities, 1e-9))


def log_sum_of_negatives(logits: Any, people: Any, places: Any) -> Any:
    """Return the log of the sum of exp(logit) over each customer's in-batch negatives, [c].

    These are the batch's articles but for what the customer bought in it: accidental hits.

    Args:
        logits: [c, u], corrected, of c customers and the batch's distinct articles.
        people: int32 [batch], each row's customer as a number of the c.
        places: int32 [batch], each row's positive as a number of the u.
    """
    purchases = tf.stack([people, places], axis=1)
    masked = tf.fill(tf.shape(places), MASKED)
    return tf.reduce_logsumexp(tf.tensor_scatter_nd_update(logits, purchases, masked), axis=1)


def retrieval_loss(logits: Any, is_real: Any, in_batch: Any) -> Any:
    """Return the mean of -log(softmax probability of the row's own positive).

    Args:
        logits: [batch, 1 + k], corrected, of each row's positive and of its sampled negatives.
        is_real: bool [batch, 1 + k], False on padding, which gets probability 0.
        in_batch: [batch], what `log_sum_of_negatives` returned of each row's customer.
    """
    logits = tf.where(is_real, logits, MASKED)
    candidates = tf.concat([logits, tf.expand_dims(in_batch, axis=1)], axis=1)
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.zeros_like(in_batch, tf.int32), logits=candidates
        )
    )


def ranking_loss(logits: Any, labels: Any, is_real: Any) -> Any:
    """Return the mean binary cross-entropy of pairs [batch, m] where `is_real`."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    weights = tf.cast(is_real, losses.dtype)
    return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)
