"""Training: both losses at once, judged after each epoch, stopped when it gets no better."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recsys import log
from recsys.columns import PADDING_KEY
from recsys.config import ModelConfig
from recsys.examples.encode import Encoder
from recsys.models import losses
from recsys.models.batches import Examples, batches
from recsys.models.network import NetworkShape, Recommender

logger = log.get_logger(__name__)

#: What training maximises; a validation must return it.
MONITOR = "ndcg_at_12"
Validate = Callable[[Recommender], dict[str, float]]


@dataclass
class Trained:
    """A trained network, one row of facts for each epoch, and the best epoch, counted from 1."""

    network: Recommender
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured after the best epoch."""
        return self.history[self.best_epoch - 1]


def network_shape(examples: Examples, encoder: Encoder, config: ModelConfig) -> NetworkShape:
    """Return the sizes of the network that reads these examples."""
    return NetworkShape(
        customer_numbers=examples.customer_numbers.shape[1],
        customer_sizes=encoder.customer_sizes,
        article_numbers=examples.article_numbers.shape[1],
        article_sizes=encoder.article_sizes,
        image_width=examples.image_vectors.shape[1],
        interactions=examples.interactions.shape[2],
        dim=config.dim,
        tower_units=config.tower_units,
        ranker_units=config.ranker_units,
        temperature=config.temperature,
        mixed_precision=config.mixed_precision,
    )


def train(
    examples: Examples,
    encoder: Encoder,
    config: ModelConfig,
    *,
    seed: int,
    validate: Validate | None = None,
) -> Trained:
    """Return the network as it was after its best epoch.

    With `validate`, training stops once `config.patience` epochs brought no better `MONITOR`;
    without, it runs `config.epochs` and the last one counts. The same seed, examples and
    configuration give the same weights on the same kind of machine.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    trainer = Trainer(
        Recommender(network_shape(examples, encoder, config)), examples, config, seed=seed
    )
    trained = Trained(trainer.network)
    best, weights = -math.inf, []
    for epoch in range(1, config.epochs + 1):
        row = {"epoch": epoch} | trainer.run_epoch()
        row |= validate(trainer.network) if validate else {}
        trained.history.append(row)
        logger.info("%s", log.fields(**{k: f"{v:.4g}" for k, v in row.items()}))
        score = row.get(MONITOR, float(epoch))
        # A score that is no number, such as of no customer at all, betters nothing.
        if not trained.best_epoch or score > best:
            best, trained.best_epoch, weights = score, epoch, trainer.network.get_weights()
        if epoch - trained.best_epoch >= config.patience:
            break
    trainer.network.set_weights(weights)
    return trained


class Trainer:
    """One network, its optimizer and its examples, held as tensors that batches gather from."""

    def __init__(
        self, network: Recommender, examples: Examples, config: ModelConfig, *, seed: int
    ) -> None:
        self.network = network
        self.config = config
        self.examples = examples
        self.generator = np.random.default_rng(seed)
        self.articles = len(examples.article_categories)
        self.data = {name: tf.constant(value) for name, value in vars(examples).items()}
        self.optimizer = keras.optimizers.Adam(config.learning_rate)
        self.optimizer.build(network.trainable_variables)

    def run_epoch(self) -> dict[str, float]:
        """Train on every positive once; return mean losses, seconds and pairs a second."""
        started = time.monotonic()
        totals, rows = np.zeros(2), 0
        for batch in batches(self.examples, self.config.batch_size, self.generator):
            totals += np.array(self.step(tf.constant(batch))) * len(batch)
            rows += len(batch)
        seconds = time.monotonic() - started
        return {
            "retrieval_loss": totals[0] / rows,
            "ranking_loss": totals[1] / rows,
            "seconds": seconds,
            "pairs_per_second": self.examples.articles[:rows].size / seconds,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
    def step(self, rows: Any) -> Any:
        """Learn from the positives `rows` [batch]; return both losses, [2]."""
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            retrieval, ranking = self.losses(rows)
            total = self.config.retrieval_weight * retrieval + self.config.ranking_weight * ranking
        self.optimizer.apply(tape.gradient(total, variables), variables)
        return tf.stack([retrieval, ranking])

    def losses(self, rows: Any) -> tuple[Any, Any]:
        """Return the retrieval and the ranking loss of the positives `rows` [batch]."""
        keys = self._get("articles", rows)
        # A batch comes from one snapshot.
        statistics = keys + self.data["snapshots"][rows[0]] * self.articles
        customers, articles, logits = self.forward(rows, keys, statistics)
        is_real = keys != PADDING_KEY
        retrieval = self._retrieval_loss(
            customers, articles, keys, presence=self._presence(keys, statistics), rows=rows
        )
        labels = tf.one_hot(tf.zeros_like(rows), tf.shape(keys)[1])
        return retrieval, losses.ranking_loss(logits, labels, is_real)

    def _retrieval_loss(
        self, customers: Any, articles: Any, keys: Any, *, presence: Any, rows: Any
    ) -> Any:
        firsts, places = losses.distinct(keys[:, 0])
        positives = tf.gather(articles[:, 0], firsts)
        in_batch = tf.matmul(customers, positives, transpose_b=True)
        sampled = tf.einsum("bd,bkd->bk", customers, articles[:, 1:])
        temperature = self.config.temperature
        return losses.retrieval_loss(
            losses.correct_sampling(in_batch / temperature, tf.gather(presence[:, 0], firsts)),
            places,
            losses.accidental_hits(self._get("customer_rows", rows), places),
            sampled_logits=losses.correct_sampling(sampled / temperature, presence[:, 1:]),
            sampled_is_real=keys[:, 1:] != PADDING_KEY,
        )

    def forward(self, rows: Any, keys: Any, statistics: Any) -> tuple[Any, Any, Any]:
        """Return vectors [batch, dim] and [batch, 1 + k, dim], and logits [batch, 1 + k]."""
        net, customer_rows = self.network, self._get("customer_rows", rows)
        recent = self._get("recent_articles", customer_rows)
        # Each article's content is made once a batch. Padding comes first and stays number 0.
        flat = tf.concat([[PADDING_KEY], tf.reshape(keys, [-1]), tf.reshape(recent, [-1])], axis=0)
        unique, places = tf.unique(flat)
        contents = net.content(
            self._get("article_categories", unique), self._get("image_vectors", unique)
        )
        customer_numbers = self._get("customer_numbers", customer_rows)
        customers = net.customer_vectors(
            customer_numbers,
            self._get("customer_categories", customer_rows),
            contents,
            recent=tf.reshape(places[1 + tf.size(keys) :], tf.shape(recent)),
            days=self._get("recent_days", customer_rows),
            quantities=self._get("recent_quantities", customer_rows),
        )
        numbers = self._get("article_numbers", tf.reshape(statistics, [-1]))
        articles = net.article_vectors(tf.gather(contents, places[1 : 1 + tf.size(keys)]), numbers)
        width = keys.shape[1]
        vectors = tf.reshape(articles, [-1, width, articles.shape[-1]])
        parts = net.rank_articles(articles, numbers)
        logits = net.rank_pairs(
            (customers, net.rank_customers(customers, customer_numbers)),
            (vectors, tf.reshape(parts, [-1, width, parts.shape[-1]])),
            tf.cast(self._get("interactions", rows), tf.float32),
        )
        return customers, vectors, logits

    def _get(self, name: str, rows: Any) -> Any:
        return tf.gather(self.data[name], rows)

    def _presence(self, keys: Any, statistics: Any) -> Any:
        """Return how likely each article is among a row's candidates, of the batch or sampled."""
        batch, width = tf.unstack(tf.cast(tf.shape(keys), tf.float32))
        bought = losses.presence(self._get("positive_shares", statistics), batch)
        sampled = losses.presence(self._get("negative_shares", statistics), width - 1)
        return bought + sampled
