"""Steps over several devices: here the processor takes the place of each."""

from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from recsys.config import ModelConfig
from recsys.errors import ConfigError
from recsys.examples.encode import Encoder
from recsys.models.batches import Examples
from recsys.models.network import Recommender
from recsys.models.train import choose_devices, network_shape
from recsys.models.trainer import Trainer

pytestmark = pytest.mark.tensorflow

CONFIG = ModelConfig(dim=8, tower_units=(16,), ranker_units=(16,), batch_size=64, epochs=2)
TWO = ("CPU:0", "CPU:0")


def make_trainer(
    data: tuple[Examples, Encoder], *devices: str, config: ModelConfig = CONFIG
) -> Trainer:
    """Return a trainer of a network that always starts alike."""
    examples, encoder = data
    tf.keras.utils.set_random_seed(1)
    network = Recommender(network_shape(examples, encoder, config))
    return Trainer(network, examples, config, seed=1, devices=devices or ("",))


def test_batches_gathered_ahead_teach_what_each_alone_teaches(
    examples: tuple[Examples, Encoder],
) -> None:
    plan = np.split(np.arange(100, dtype=np.int32), [41, 60])
    together, apart = make_trainer(examples), make_trainer(examples)
    losses = [apart.run([rows]) for rows in plan]
    assert losses[0][0] / 41 > losses[2][0] / 40, "nothing was learned"
    np.testing.assert_allclose(together.run(plan), np.sum(losses, axis=0), rtol=1e-5)
    for mine, other in zip(*(t.network.get_weights() for t in (together, apart)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5)


def test_mixed_precision_learns_the_same_in_fewer_digits(
    examples: tuple[Examples, Encoder],
) -> None:
    mixed = CONFIG.model_copy(update={"mixed_precision": True})
    exact, reduced = (make_trainer(examples, config=config) for config in (CONFIG, mixed))
    found = [[trainer.run_epoch() for _ in range(3)] for trainer in (exact, reduced)]
    for name in ("retrieval_loss", "ranking_loss"):
        one, other = ([epoch[name] for epoch in epochs] for epochs in found)
        assert one != other, "nothing was reduced"
        assert other[-1] < other[0]
        np.testing.assert_allclose(one, other, rtol=0.02)
    numbers = tf.zeros([2, reduced.examples.customer_numbers.shape[1]])
    parts = reduced.network.rank_customers(tf.zeros([2, CONFIG.dim]), numbers)
    assert parts.dtype == tf.float32  # what nights keep and score with


def test_two_devices_with_the_same_positives_learn_what_one_learns(
    examples: tuple[Examples, Encoder],
) -> None:
    one, two = make_trainer(examples), make_trainer(examples, *TWO)
    rows = np.arange(40, dtype=np.int32)
    for _ in range(3):
        found = 2 * one.run([rows]), two.run([np.tile(rows, 2)])
        np.testing.assert_allclose(*found, rtol=1e-5)
    for mine, other in zip(*(t.network.get_weights() for t in (one, two)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5)


def test_each_device_has_its_share_and_counts_by_it(examples: tuple[Examples, Encoder]) -> None:
    rows = np.arange(41, dtype=np.int32)
    trainers = [make_trainer(examples, *devices) for devices in ((), (), TWO)]
    parts = rows[:20], rows[20:], rows
    *shares, losses = (t.run([p]) for t, p in zip(trainers, parts, strict=True))
    np.testing.assert_allclose(losses, shares[0] + shares[1], rtol=1e-5)


def test_losses_do_not_depend_on_the_order_of_positives(
    examples: tuple[Examples, Encoder],
) -> None:
    rows = np.arange(60, dtype=np.int32)  # of ten customers, one after the other
    trainers = [make_trainer(examples) for _ in range(2)]
    for _ in range(2):
        mixed = np.random.default_rng(1).permutation(rows)
        found = (t.run([p]) for t, p in zip(trainers, (rows, mixed), strict=True))
        np.testing.assert_allclose(*found, rtol=1e-5)


def test_fewer_positives_than_devices_are_no_nan(examples: tuple[Examples, Encoder]) -> None:
    trainer = make_trainer(examples, *TWO)
    assert np.isfinite(trainer.run([np.array([3], np.int32)])).all()
    assert all(np.isfinite(weights).all() for weights in trainer.network.get_weights())


def test_gpus_are_chosen_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"/device:GPU:{number}" for number in range(2)]
    found = {"GPU": [SimpleNamespace(name=name) for name in names]}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: found[kind])
    assert [choose_devices(gpus) for gpus in (None, 1, 2)] == [names, names[:1], names]
    with pytest.raises(ConfigError, match=r"model\.gpus is 3, but TensorFlow finds 2 here"):
        choose_devices(3)
    found["GPU"] = []
    assert choose_devices(None) == [""]
    with pytest.raises(ConfigError, match=r"model\.gpus is 1, but TensorFlow finds 0 here"):
        choose_devices(1)


def test_devices_apart_train_together(examples: tuple[Examples, Encoder]) -> None:
    with get_context("spawn").Pool(1) as pool:
        first, second, places = pool.apply(_train_on_two, examples)
    assert second < first
    assert places == [f"/job:localhost/replica:0/task:0/device:CPU:{i}" for i in range(2)]


def _train_on_two(examples: Examples, encoder: Encoder) -> tuple[float, float, list[str]]:
    """Return the retrieval loss of two epochs on two devices, and where their examples are."""
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, parts)
    trainer = make_trainer((examples, encoder), "CPU:0", "CPU:1")
    first, second = (trainer.run_epoch()["retrieval_loss"] for _ in range(2))
    return first, second, [replica.gatherer.data["articles"].device for replica in trainer.replicas]
