"""What a batch needs besides weights, gathered on the device that learns from it."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsys.columns import PADDING_KEY
from recsys.config import ModelConfig
from recsys.examples.numbers import Float32
from recsys.models import losses
from recsys.models.batches import Examples
from recsys.models.network import Recommender
from recsys.models.row_sums import Choice, choose


class Batch(NamedTuple):
    """`b` positives of `c` customers, each with `k` negatives; `u` articles in all, `d` bought.

    Row 0 of the articles is padding; `recent` and `candidates` point into them.
    """

    #: How much the batch's snapshot weighs, a scalar.
    weight: Any
    #: Whose each positive is, int32 [b], as a row of what is of the customers.
    people: Any
    customer_numbers: Any  # [c, Fc]
    customer_categories: Any  # int32 [c, Cc]
    recent: Any  # int32 [c, L], the history, as rows of the articles
    recent_days: Any  # [c, L]
    recent_quantities: Any  # [c, L]
    #: Of the articles: which rows of the embedding table each one sums up, and its reduced image.
    categories: Choice  # of u lines
    images: Any  # [u, p]
    #: Of the positives and their negatives, the positive first.
    keys: Any  # int32 [b, 1 + k]
    candidates: Any  # int32 [b * (1 + k)], the same as rows of the articles
    article_numbers: Any  # [b * (1 + k), Fa], of the snapshot's day
    presence: Any  # [b, 1 + k], how likely each is among the candidates, of the batch or sampled
    interactions: Any  # float16 [b, 1 + k, P]
    #: The first positive of each article that was bought, and which of these each positive is of.
    firsts: Any  # int32 [d]
    bought: Any  # int32 [b]


class Gatherer:
    """A device's copy of the examples, which its batches are gathered from."""

    def __init__(
        self, network: Recommender, examples: Examples, config: ModelConfig, device: str
    ) -> None:
        self.articles = len(examples.article_categories)
        self.table_rows = network.article_categories.table.shape[0]
        with tf.device(device):
            self.data = {name: tf.constant(value) for name, value in vars(examples).items()}
            # Rows of the table, once for all batches.
            codes = self.data["article_categories"]
            self.data["article_categories"] = network.article_categories.rows(codes)
            self.weights = tf.constant(snapshot_weights(examples, config.half_life_days))

    def gather(self, rows: Any) -> Batch:
        """Return the batch of the positives `rows` int32 [b], all of one snapshot."""
        buyers = tf.unique(self._get("customer_rows", rows))
        recent = self._get("recent_articles", buyers.y)
        keys = self._get("articles", rows)
        # Each article's content is made once a batch.
        every = [[PADDING_KEY], tf.reshape(keys, [-1]), tf.reshape(recent, [-1])]
        articles, places = tf.unique(tf.concat(every, axis=0))
        count = 1 + tf.size(keys)
        snapshot = self.data["snapshots"][rows[0]]
        statistics = keys + snapshot * self.articles
        firsts, bought = losses.distinct(keys[:, 0])
        return Batch(
            weight=self.weights[snapshot],
            people=buyers.idx,
            customer_numbers=self._get("customer_numbers", buyers.y),
            customer_categories=self._get("customer_categories", buyers.y),
            recent=tf.reshape(places[count:], tf.shape(recent)),
            recent_days=self._get("recent_days", buyers.y),
            recent_quantities=self._get("recent_quantities", buyers.y),
            categories=choose(self._get("article_categories", articles), self.table_rows),
            images=self._get("image_vectors", articles),
            keys=keys,
            candidates=places[1:count],
            article_numbers=self._get("article_numbers", tf.reshape(statistics, [-1])),
            presence=self._presence(statistics),
            interactions=self._get("interactions", rows),
            firsts=firsts,
            bought=bought,
        )

    def _get(self, name: str, rows: Any) -> Any:
        return tf.gather(self.data[name], rows)

    def _presence(self, statistics: Any) -> Any:
        batch, width = tf.unstack(tf.cast(tf.shape(statistics), tf.float32))
        bought = losses.presence(self._get("positive_shares", statistics), batch)
        sampled = losses.presence(self._get("negative_shares", statistics), width - 1)
        return bought + sampled


def snapshot_weights(examples: Examples, half_life_days: float | None) -> Float32:
    """Return how much each snapshot's positives weigh, float32 [S]; their mean over all is 1."""
    if half_life_days is None:
        return np.ones_like(examples.snapshot_days)
    weights = np.exp2(-examples.snapshot_days / np.float32(half_life_days))
    return np.asarray(weights / weights[examples.snapshots].mean(), np.float32)
