"""Losses: a softmax over a batch's articles, corrected for how they got there, and cross-entropy.

Sampling-bias correction: Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
recommendations", RecSys 2019. Mixed negatives: Yang et al., "Mixed negative sampling", WWW 2020.
"""

from typing import Any

import tensorflow as tf

#: A logit of this size has a softmax probability of exactly 0 in float32, and no NaN gradient.
MASKED = -1e9


def correct_sampling(logits: Any, expected_counts: Any) -> Any:
    """Return logits minus the log of how often each article is expected among the candidates.

    A popular article is a negative more often; without the correction it would be pushed away for
    that alone. expected_counts [candidates] or of the logits' shape; 0 counts as 1e-9.
    """
    return logits - tf.math.log(tf.maximum(expected_counts, 1e-9))


def accidental_hits(customers: Any, articles: Any) -> Any:
    """Return bool [batch, batch]: article j is no negative of row i, as i's customer bought it.

    The customer bought every article that stands beside it in any row of this batch. The diagonal,
    a row's own positive, is False.
    """
    customer, article = _places(customers), _places(articles)
    bought = tf.scatter_nd(
        tf.stack([customer, article], axis=1),
        tf.ones_like(customer),
        [tf.reduce_max(customer) + 1, tf.reduce_max(article) + 1],
    )
    hits = tf.gather(tf.gather(bought, customer), article, axis=1) > 0
    return tf.linalg.set_diag(hits, tf.zeros_like(customer, tf.bool))


def retrieval_loss(logits: Any, hits: Any, sampled_logits: Any, sampled_is_real: Any) -> Any:
    """Return the mean of -log(softmax probability of the row's own positive).

    Args:
        logits: [batch, batch], corrected; positives of the rows are on the diagonal.
        hits: bool [batch, batch], what `accidental_hits` returned; these get probability 0.
        sampled_logits: [batch, k], corrected, of each row's sampled negatives.
        sampled_is_real: bool [batch, k], False on padding, which gets probability 0.
    """
    in_batch = tf.where(hits, MASKED, logits)
    sampled = tf.where(sampled_is_real, sampled_logits, MASKED)
    candidates = tf.concat([in_batch, sampled], axis=1)
    labels = tf.range(tf.shape(logits)[0])
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=candidates)
    )


def ranking_loss(logits: Any, labels: Any, is_real: Any) -> Any:
    """Return the mean binary cross-entropy of pairs [batch, m] where `is_real`."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    weights = tf.cast(is_real, losses.dtype)
    return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def _places(keys: Any) -> Any:
    """Return int32 [n]: dense numbers of the keys, from 0."""
    return tf.unique(keys).idx
