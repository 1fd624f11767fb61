"""One network being trained: a compiled step over examples that are held as tensors."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from recsys.config import ModelConfig
from recsys.examples.encode import Int32
from recsys.models.adam import Adam, mean
from recsys.models.batches import Examples, batches
from recsys.models.gather import Batch
from recsys.models.network import Recommender
from recsys.models.replica import Replica

#: Python looks after signals, such as Ctrl-C, between calls: every few seconds.
BATCHES_A_CALL = 100
#: What TensorFlow is told of a vector of whole numbers, of any length.
NUMBERS = tf.TensorSpec([None], tf.int32)


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
        size = self.config.batch_size * len(self.replicas)
        plan = list(batches(self.examples, size, self.generator))
        totals = np.zeros(2)
        for start in range(0, len(plan), BATCHES_A_CALL):
            totals += self.run(plan[start : start + BATCHES_A_CALL])
        retrieval, ranking = totals / len(self.examples)
        seconds = time.monotonic() - started
        return {
            "retrieval_loss": retrieval,
            "ranking_loss": ranking,
            "seconds": seconds,
            "pairs_per_second": self.examples.articles.size / seconds,
        }

    def run(self, plan: Sequence[Int32]) -> npt.NDArray[np.float32]:
        """Learn from batches, one after the other; return sums over their positives of both losses.

        Args:
            plan: one batch or more, the rows int32 [b] of each of one snapshot and none empty.

        Returns:
            float32 [2], of retrieval and of ranking.
        """
        bounds = np.cumsum([0, *map(len, plan)], dtype=np.int32)
        return np.array(self._run(tf.constant(np.concatenate(plan)), tf.constant(bounds)))

    # TensorFlow has no types, so that mypy knows nothing of what decorates: hence the ignore. With
    # one signature for plans of any length the loop is traced once.
    @tf.function(input_signature=[NUMBERS, NUMBERS])  # type: ignore[untyped-decorator]
    def _run(self, rows: Any, bounds: Any) -> Any:
        """Learn from rows[bounds[i]:bounds[i + 1]] for each i, and gather the next meanwhile.

        Gathering needs no weights, so that it keeps a core busy that learning leaves idle.
        """
        last = tf.size(bounds) - 2
        totals = tf.zeros([2])
        batch = self._gather(rows[: bounds[1]])
        for i in tf.range(last + 1):
            following = tf.minimum(i + 1, last)
            ahead = self._gather(rows[bounds[following] : bounds[following + 1]])
            totals += self._learn(batch) * tf.cast(bounds[i + 1] - bounds[i], tf.float32)
            batch = ahead
        return totals

    def _gather(self, rows: Any) -> list[Batch]:
        """Return each device's share of a batch's rows, gathered."""
        count, size = len(self.replicas), tf.size(rows)
        shares = []
        for number, replica in enumerate(self.replicas):
            with tf.device(replica.device):
                # A batch of fewer positives than devices still has one for each.
                start = number * size // count
                own = rows[start : tf.maximum((number + 1) * size // count, start + 1)]
                shares.append(replica.gatherer.gather(own))
        return shares

    def _learn(self, batch: list[Batch]) -> Any:
        """Move the weights by what the devices learn from their shares; return both losses, [2]."""
        found = []
        for replica, share in zip(self.replicas, batch, strict=True):
            with tf.device(replica.device):
                found.append(replica.learn(share))
        sizes = [tf.cast(tf.size(share.people), tf.float32) for share in batch]
        losses, gradients = zip(*found, strict=True)
        self.optimizer.apply([mean(parts, sizes) for parts in zip(*gradients, strict=True)])
        return mean(losses, sizes)
