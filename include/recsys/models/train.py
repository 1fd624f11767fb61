"""Training: both losses at once, judged after each epoch, stopped when it gets no better."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from recsys import log
from recsys.config import Ablation, ModelConfig
from recsys.errors import ConfigError
from recsys.examples.encode import Encoder
from recsys.models.batches import Examples
from recsys.models.checkpoint import load_checkpoint, save_checkpoint
from recsys.models.network import NetworkShape, Recommender
from recsys.models.towers import HistoryPooling
from recsys.models.trainer import Trainer

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
    best_weights: list[Any] = field(default_factory=list)

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured after the best epoch."""
        return self.history[self.best_epoch - 1]

    def is_over(self, config: ModelConfig) -> bool:
        """Return whether there were enough epochs, or none of the last few was the best."""
        epochs = len(self.history)
        return epochs >= config.epochs or (
            self.best_epoch > 0 and epochs - self.best_epoch >= config.patience
        )

    def add(self, row: dict[str, float]) -> None:
        """Take what an epoch brought; its weights are kept if it is the best so far."""
        self.history.append(row)
        if not self.best_epoch or _score(row) > _score(self.metrics):
            self.best_epoch, self.best_weights = len(self.history), self.network.get_weights()

    def save(self, path: Path, trainer: Trainer) -> None:
        """Write everything that the next epoch depends on."""
        groups = trainer.arrays() | {"best_weights": self.best_weights}
        facts = {"history": self.history, "best_epoch": self.best_epoch}
        save_checkpoint(path, groups, facts | {"random": trainer.generator.bit_generator.state})

    def resume(self, path: Path, trainer: Trainer) -> None:
        """Take over what `save` wrote."""
        groups, facts = load_checkpoint(path)
        self.history, self.best_epoch = facts["history"], facts["best_epoch"]
        self.best_weights = groups.pop("best_weights")
        trainer.restore(groups)
        trainer.generator.bit_generator.state = facts["random"]
        logger.info("%s", log.fields(resumed=path.stem, after_epoch=len(self.history)))


def _score(row: dict[str, float]) -> float:
    """Return what an epoch is judged by; one that is no number, as of no customer, is the worst."""
    score = row.get(MONITOR, row["epoch"])
    return -math.inf if math.isnan(score) else score


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


def choose_devices(gpus: int | None) -> list[str]:
    """Return the names of so many GPUs, None: of all there are; without any, TensorFlow's choice.

    Raises:
        ConfigError: there are fewer.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    found = [device.name for device in tf.config.list_logical_devices("GPU")]
    if gpus is not None and gpus > len(found):
        raise ConfigError(f"model.gpus is {gpus}, but TensorFlow finds {len(found)} here")
    return found[:gpus] or [""]


class NoHistory(HistoryPooling):
    """Pools every history to nothing: all zero, as that of a customer who never bought."""

    def call(self, contents: Any, is_real: Any, days: Any, quantities: Any) -> Any:
        """Return zeros [n, H * width]."""
        return tf.zeros_like(super().call(contents, is_real, days, quantities))


def train(
    examples: Examples,
    encoder: Encoder,
    config: ModelConfig,
    *,
    seed: int,
    validate: Validate | None = None,
    without: Ablation | None = None,
    checkpoint: Path | None = None,
) -> Trained:
    """Return the network as it was after its best epoch, to do `without` something if so told.

    With `validate`, training stops once `config.patience` epochs brought no better `MONITOR`;
    without, it runs `config.epochs` and the last one counts. The same seed, examples and
    configuration give the same weights on the same kind and number of devices, also where a
    training that was killed goes on from its `checkpoint`, a file that every epoch writes anew.
    """
    devices = choose_devices(config.gpus)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if without == "images":
        examples = replace(examples, image_vectors=examples.image_vectors[:, :0])
    network = Recommender(network_shape(examples, encoder, config))
    if without == "history":
        network.pooling = NoHistory()
    corrects = without != "log_q"
    trainer = Trainer(
        network, examples, config, seed=seed, corrects_sampling=corrects, devices=devices
    )
    trained = Trained(network)
    if checkpoint and checkpoint.exists():
        trained.resume(checkpoint, trainer)
    while not trained.is_over(config):
        row = {"epoch": len(trained.history) + 1} | trainer.run_epoch()
        row |= validate(network) if validate else {}
        trained.add(row)
        if checkpoint:
            trained.save(checkpoint, trainer)
        logger.info("%s", log.fields(**{k: f"{v:.4g}" for k, v in row.items()}))
    network.set_weights(trained.best_weights)
    return trained
