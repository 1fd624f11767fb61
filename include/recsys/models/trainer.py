"""One network being trained: a compiled step over examples that are held as tensors."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsys.config import ModelConfig
from recsys.models.adam import Adam, mean
from recsys.models.batches import Examples, batches
from recsys.models.network import Recommender
from recsys.models.replica import Replica


class Trainer:
    """One network, its optimizer, and a replica of it for each device.

    Of a batch each device gets its share, `config.batch_size` positives. Gradients are averaged as
    if one device had them all, but a positive's in-batch negatives are those of its own share.
    """

    def __init__(
        self,
        network: Recommender,
        examples: Examples,
        config: ModelConfig,
        *,
        seed: int,
        corrects_sampling: bool = True,
        devices: Sequence[str] = ("",),
    ) -> None:
        self.network = network
        self.config = config
        self.examples = examples
        self.generator = np.random.default_rng(seed)
        self.replicas = [
            Replica(network, examples, config, device=name, corrects_sampling=corrects_sampling)
            for name in devices
        ]
        self.optimizer = Adam(self.replicas[0].variables, config.learning_rate)

    def arrays(self) -> dict[str, list[Any]]:
        """Return copies of all that steps change: the network's weights and Adam's moments."""
        moments = [variable.numpy() for variable in self.optimizer.state]
        return {"weights": self.network.get_weights(), "moments": moments}

    def restore(self, arrays: dict[str, list[Any]]) -> None:
        """Take over what `arrays` returned."""
        self.network.set_weights(arrays["weights"])
        for variable, array in zip(self.optimizer.state, arrays["moments"], strict=True):
            variable.assign(array)

    def run_epoch(self) -> dict[str, float]:
        """Train on every positive once; return mean losses, seconds and pairs a second."""
        started = time.monotonic()
        totals, rows = np.zeros(2), 0
        size = self.config.batch_size * len(self.replicas)
        for batch in batches(self.examples, size, self.generator):
            totals += np.array(self.step(tf.constant(batch))) * len(batch)
            rows += len(batch)
        seconds = time.monotonic() - started
        return {
            "retrieval_loss": totals[0] / rows,
            "ranking_loss": totals[1] / rows,
            "seconds": seconds,
            "pairs_per_second": self.examples.articles[:rows].size / seconds,
        }

    # TensorFlow has no types, so that mypy knows nothing of what decorates.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
    def step(self, rows: Any) -> Any:
        """Learn from the positives `rows` [batch], of one snapshot; return both losses, [2]."""
        count, size = len(self.replicas), tf.size(rows)
        found, shares = [], []
        for number, replica in enumerate(self.replicas):
            with tf.device(replica.device):
                # A batch of fewer positives than devices still has one for each.
                start = number * size // count
                own = rows[start : tf.maximum((number + 1) * size // count, start + 1)]
                found.append(replica.learn(own))
                shares.append(tf.cast(tf.size(own), tf.float32))
        losses, gradients = zip(*found, strict=True)
        self.optimizer.apply([mean(parts, shares) for parts in zip(*gradients, strict=True)])
        return mean(losses, shares)
