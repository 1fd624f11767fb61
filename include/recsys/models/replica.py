"""What one device makes of its positives: both losses, and their gradients."""

from typing import Any

import numpy as np
import tensorflow as tf

from recsys.columns import PADDING_KEY
from recsys.config import ModelConfig
from recsys.examples.numbers import Float32
from recsys.models import losses
from recsys.models.adam import Slices, choose, dense, sum_chosen
from recsys.models.batches import Examples
from recsys.models.network import Recommender


class Replica:
    """The network on one device, with a copy of the examples that its batches gather from.

    The network's weights are shared by all replicas; each reads them from where they are.
    """

    def __init__(
        self,
        network: Recommender,
        examples: Examples,
        config: ModelConfig,
        *,
        device: str,
        corrects_sampling: bool,
    ) -> None:
        self.network = network
        self.config = config
        self.device = device
        self.corrects_sampling = corrects_sampling
        self.articles = len(examples.article_categories)
        with tf.device(device):
            self.data = {name: tf.constant(value) for name, value in vars(examples).items()}
            self.weights = tf.constant(snapshot_weights(examples, config.half_life_days))
        table = network.article_categories.table
        self.variables = [table.value] + [
            v.value for v in network.trainable_variables if v is not table
        ]

    def learn(self, rows: Any) -> tuple[Any, list[Any]]:
        """Return both losses [2] of the positives `rows` [batch], and a gradient a variable."""
        table, *others = self.variables
        buyers = tf.unique(self._get("customer_rows", rows))
        unique, places = self._articles(rows, buyers.y)
        rows_of_table = self.network.article_categories.rows(
            self._get("article_categories", unique)
        )
        chosen = choose(rows_of_table, table.shape[0])
        categories = tf.ensure_shape(sum_chosen(chosen, table), [None, self.config.dim])
        with tf.GradientTape() as tape:
            # The gradient goes no further than the sums of embeddings: one row an article.
            tape.watch(categories)
            contents = self.network.with_images(categories, self._get("image_vectors", unique))
            retrieval, ranking = self.losses(rows, buyers, contents, places)
            total = self.config.retrieval_weight * retrieval + self.config.ranking_weight * ranking
            total *= self.weights[self._snapshot(rows)]
        gradient, *rest = tape.gradient(
            total, [categories, *others], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        gradients = [Slices(gradient, chosen), *rest]
        return tf.stack([retrieval, ranking]), [
            dense(*pair) for pair in zip(gradients, self.variables, strict=True)
        ]

    def losses(self, rows: Any, buyers: Any, contents: Any, places: Any) -> tuple[Any, Any]:
        """Return the retrieval and the ranking loss of the positives `rows` [batch].

        `buyers` are the rows of the batch's customers `y` [c], and whose each positive is `idx`
        [batch]; `contents` [u, dim] is of its articles, `places` what `_articles` returned. A
        ranker of weight 0 is left out, and its loss 0.
        """
        keys = self._get("articles", rows)
        statistics = keys + self._snapshot(rows) * self.articles
        count = 1 + tf.size(keys)
        vectors, parts = self._customers(buyers.y, contents, places[count:])
        candidates = self._candidates(statistics, contents, places[1:count])
        presence = self._presence(keys, statistics)
        retrieval = self._retrieval_loss(vectors, buyers.idx, candidates[0], keys, presence)
        if not self.config.ranking_weight:
            return retrieval, tf.zeros_like(retrieval)
        customers = tf.gather(vectors, buyers.idx), tf.gather(parts, buyers.idx)
        interactions = tf.cast(self._get("interactions", rows), tf.float32)
        logits = self.network.rank_pairs(customers, candidates, interactions)
        labels = tf.one_hot(tf.zeros_like(rows), tf.shape(keys)[1])
        return retrieval, losses.ranking_loss(logits, labels, keys != PADDING_KEY)

    def _retrieval_loss(
        self, customers: Any, people: Any, articles: Any, keys: Any, presence: Any
    ) -> Any:
        """Return the softmax loss of customers [c, dim] and articles [batch, 1 + k, dim].

        `people` int32 [batch] says whose each row of `articles` is; `keys` and `presence`
        [batch, 1 + k] are of these.
        """
        firsts, places = losses.distinct(keys[:, 0])
        positives = tf.gather(articles[:, 0], firsts)
        in_batch = tf.matmul(customers, positives, transpose_b=True)
        own = tf.einsum("bd,bkd->bk", tf.gather(customers, people), articles)
        in_batch, own = (logits / self.config.temperature for logits in (in_batch, own))
        if self.corrects_sampling:
            in_batch = losses.correct_sampling(in_batch, tf.gather(presence[:, 0], firsts))
            own = losses.correct_sampling(own, presence)
        negatives = losses.log_sum_of_negatives(in_batch, people, places)
        return losses.retrieval_loss(own, keys != PADDING_KEY, tf.gather(negatives, people))

    def _articles(self, rows: Any, customer_rows: Any) -> tuple[Any, Any]:
        """Return the keys of all the articles of a batch [u], and where each one stands in them.

        Each article's content is made once a batch. `places` int32 [1 + batch * (1 + k) + c * L] is
        of padding, which comes first and stays number 0, then of the pairs of `rows` [batch], then
        of the histories of the customers [c].
        """
        recent = self._get("recent_articles", customer_rows)
        keys = tf.reshape(self._get("articles", rows), [-1])
        every = tf.concat([[PADDING_KEY], keys, tf.reshape(recent, [-1])], axis=0)
        unique, places = tf.unique(every)
        return unique, places

    def _customers(self, customer_rows: Any, contents: Any, recent: Any) -> tuple[Any, Any]:
        """Return vectors [c, dim], and what the ranker makes of them [c, first]."""
        numbers = self._get("customer_numbers", customer_rows)
        days = self._get("recent_days", customer_rows)
        vectors = self.network.customer_vectors(
            numbers,
            self._get("customer_categories", customer_rows),
            contents,
            recent=tf.reshape(recent, tf.shape(days)),
            days=days,
            quantities=self._get("recent_quantities", customer_rows),
        )
        return vectors, self.network.rank_customers(vectors, numbers)

    def _candidates(self, statistics: Any, contents: Any, places: Any) -> tuple[Any, Any]:
        """Return vectors [batch, 1 + k, dim], and what the ranker makes of them."""
        numbers = self._get("article_numbers", tf.reshape(statistics, [-1]))
        vectors = self.network.article_vectors(tf.gather(contents, places), numbers)
        parts = self.network.rank_articles(vectors, numbers)
        width = statistics.shape[1]
        by_row = [tf.reshape(array, [-1, width, array.shape[-1]]) for array in (vectors, parts)]
        return by_row[0], by_row[1]

    def _get(self, name: str, rows: Any) -> Any:
        return tf.gather(self.data[name], rows)

    def _snapshot(self, rows: Any) -> Any:
        """Return the number of the one snapshot that all of a batch comes from."""
        return self.data["snapshots"][rows[0]]

    def _presence(self, keys: Any, statistics: Any) -> Any:
        """Return how likely each article is among a row's candidates, of the batch or sampled."""
        batch, width = tf.unstack(tf.cast(tf.shape(keys), tf.float32))
        bought = losses.presence(self._get("positive_shares", statistics), batch)
        sampled = losses.presence(self._get("negative_shares", statistics), width - 1)
        return bought + sampled


def snapshot_weights(examples: Examples, half_life_days: float | None) -> Float32:
    """Return how much each snapshot's positives weigh, float32 [S]; their mean over all is 1."""
    if half_life_days is None:
        return np.ones_like(examples.snapshot_days)
    weights = np.exp2(-examples.snapshot_days / np.float32(half_life_days))
    return np.asarray(weights / weights[examples.snapshots].mean(), np.float32)
