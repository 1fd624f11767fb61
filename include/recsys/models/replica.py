"""What one device makes of its positives: both losses, and their gradients."""

from typing import Any

import tensorflow as tf

from recsys.columns import PADDING_KEY
from recsys.config import ModelConfig
from recsys.models import losses
from recsys.models.batches import Examples
from recsys.models.gather import Batch, Gatherer
from recsys.models.network import Recommender
from recsys.models.row_sums import dense


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
        self.gatherer = Gatherer(network, examples, config, device)
        table = network.article_categories.table
        self.variables = [table.value] + [
            v.value for v in network.trainable_variables if v is not table
        ]

    def learn(self, batch: Batch) -> tuple[Any, list[Any]]:
        """Return both losses [2] of a batch, and a gradient a variable."""
        table, *others = self.variables
        sums = tf.ensure_shape(batch.categories.sums(table), [None, self.config.dim])
        with tf.GradientTape() as tape:
            # The gradient goes no further than the sums of embeddings: one row an article.
            tape.watch(sums)
            contents = self.network.with_images(sums, batch.images)
            retrieval, ranking = self.losses(batch, contents)
            total = self.config.retrieval_weight * retrieval + self.config.ranking_weight * ranking
            total *= batch.weight
        gradient, *rest = tape.gradient(
            total, [sums, *others], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        gradients = [dense(*pair) for pair in zip(rest, others, strict=True)]
        return tf.stack([retrieval, ranking]), [batch.categories.gradient(gradient), *gradients]

    def losses(self, batch: Batch, contents: Any) -> tuple[Any, Any]:
        """Return the retrieval and the ranking loss of a batch, whose articles' are [u, dim].

        A ranker of weight 0 is left out, and its loss 0.
        """
        network, numbers = self.network, batch.customer_numbers
        customers = network.customer_vectors(
            numbers,
            batch.customer_categories,
            contents,
            recent=batch.recent,
            days=batch.recent_days,
            quantities=batch.recent_quantities,
        )
        candidates = tf.gather(contents, batch.candidates)
        articles = network.article_vectors(candidates, batch.article_numbers)
        products = tf.expand_dims(tf.gather(customers, batch.people), 1) * by_row(articles, batch)
        retrieval = self._retrieval_loss(batch, customers, articles, products)
        if not self.config.ranking_weight:
            return retrieval, tf.zeros_like(retrieval)
        parts = network.rank_articles(articles, batch.article_numbers)
        logits = network.rank_pairs(
            tf.gather(network.rank_customers(customers, numbers), batch.people),
            by_row(parts, batch),
            products,
            tf.cast(batch.interactions, tf.float32),
        )
        labels = tf.one_hot(tf.zeros_like(batch.people), tf.shape(batch.keys)[1])
        return retrieval, losses.ranking_loss(logits, labels, batch.keys != PADDING_KEY)

    def _retrieval_loss(self, batch: Batch, customers: Any, articles: Any, products: Any) -> Any:
        """Return the softmax loss of customers [c, dim] and articles [b * (1 + k), dim].

        `products` [b, 1 + k, dim] sum up to the cosines of each row's customer and articles.
        """
        positives = tf.gather(articles, batch.firsts * batch.keys.shape[1])
        in_batch = tf.matmul(customers / self.config.temperature, positives, transpose_b=True)
        own = tf.reduce_sum(products, axis=-1) / self.config.temperature
        if self.corrects_sampling:
            bought = tf.gather(batch.presence[:, 0], batch.firsts)
            in_batch = losses.correct_sampling(in_batch, bought)
            own = losses.correct_sampling(own, batch.presence)
        negatives = losses.log_sum_of_negatives(in_batch, batch.people, batch.bought)
        is_real = batch.keys != PADDING_KEY
        return losses.retrieval_loss(own, is_real, tf.gather(negatives, batch.people))


def by_row(rows: Any, batch: Batch) -> Any:
    """Return what is of each candidate [b * (1 + k), width] as [b, 1 + k, width]."""
    return tf.reshape(rows, [-1, batch.keys.shape[1], rows.shape[-1]])
