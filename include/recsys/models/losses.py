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


def accidental_hits(customers: Any, places: Any) -> Any:
    """Return bool [batch, u]: which distinct article is no negative of a row.

    Its customer bought the article, in this or in any other row of the batch. The row's own
    positive is False.

    Args:
        customers: int32 [batch].
        places: int32 [batch], each row's positive as a number of the u distinct articles.
    """
    _, people = tf.unique(customers)
    count = tf.reduce_max(places) + 1
    bought = tf.scatter_nd(
        tf.stack([people, places], axis=1),
        tf.ones_like(places),
        [tf.reduce_max(people) + 1, count],
    )
    own = tf.one_hot(places, count, on_value=True, off_value=False)
    return (tf.gather(bought, people) > 0) & ~own


def retrieval_loss(
    logits: Any, places: Any, hits: Any, *, sampled_logits: Any, sampled_is_real: Any
) -> Any:
    """Return the mean of -log(softmax probability of the row's own positive).

    Args:
        logits: [batch, u], corrected, of the batch's distinct articles.
        places: int32 [batch], where each row's positive stands among them.
        hits: bool [batch, u], what `accidental_hits` returned; these get probability 0.
        sampled_logits: [batch, k], corrected, of each row's sampled negatives.
        sampled_is_real: bool [batch, k], False on padding, which gets probability 0.
    """
    in_batch = tf.where(hits, MASKED, logits)
    sampled = tf.where(sampled_is_real, sampled_logits, MASKED)
    candidates = tf.concat([in_batch, sampled], axis=1)
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=places, logits=candidates)
    )


def ranking_loss(logits: Any, labels: Any, is_real: Any) -> Any:
    """Return the mean binary cross-entropy of pairs [batch, m] where `is_real`."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    weights = tf.cast(is_real, losses.dtype)
    return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)
