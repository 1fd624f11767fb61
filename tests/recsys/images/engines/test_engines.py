"""Every engine of this machine against plain Keras, on a small network and on ResNet152."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from tests.recsys.images.engines.small import small_network

from recsys.config import REPOSITORY
from recsys.images.engines.choose import Choice, has_bfloat16
from recsys.images.engines.engine import Engine
from recsys.images.resnet import load_network
from recsys.images.weights import Weights

pytestmark = pytest.mark.tensorflow

PRECISIONS = ["float32", *(["bfloat16"] if has_bfloat16() else [])]
CHOICES = [Choice(n, "cpu", p) for n in ("openvino", "tensorflow") for p in PRECISIONS]
#: Of vectors less their mean, which makes all of them alike.
LEAST_COSINE = {"float32": 1 - 1e-6, "bfloat16": 0.999}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Twelve pieces of two photographs."""
    rng = np.random.default_rng(2)
    photographs = load_sample_images().images
    corners = [(rng.integers(427 - 224), rng.integers(640 - 224)) for _ in range(12)]
    return np.stack(
        [photographs[n % 2][y : y + 224, x : x + 224] for n, (y, x) in enumerate(corners)]
    )


@pytest.fixture(scope="module")
def network() -> Any:
    return small_network()


def multiply_float32() -> None:
    """Undo what an engine set for the whole process."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})


@pytest.fixture(scope="module", autouse=True)
def leave_no_trace() -> Iterator[None]:
    """The models' tests run in this process too, and mean float32."""
    yield
    multiply_float32()


def keras_vectors(network: Any, pixels: np.ndarray) -> np.ndarray:
    """What plain Keras makes of them, in float32 whatever the engine before set for the process."""
    multiply_float32()
    return network.predict_on_batch(pixels)


@pytest.fixture(scope="module")
def expected(network: Any, pixels: np.ndarray) -> np.ndarray:
    return keras_vectors(network, pixels)


@pytest.fixture(scope="module", params=CHOICES, ids=lambda choice: choice.numerics)
def choice(request: pytest.FixtureRequest) -> Choice:
    return request.param


@pytest.fixture(scope="module")
def engine(choice: Choice, network: Any, expected: np.ndarray) -> Engine:
    return choice.build(lambda: network, batch_size=12)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cosines of pairs of vectors less the mean of all."""
    one, other = one - other.mean(axis=0), other - other.mean(axis=0)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


def test_vectors_are_those_of_keras(choice, engine, expected, pixels):
    found = engine.embed(pixels)
    assert (found.shape, found.dtype) == ((12, 2048), np.float32)
    assert cosines(found, expected).min() > LEAST_COSINE[choice.precision]


def test_a_vector_depends_on_its_image_alone(engine, pixels):
    """To the last bit: the rest of a killed run is batched in another way."""
    whole = engine.embed(pixels)
    turned = engine.embed(pixels[::-1].copy())[::-1]
    short = engine.embed(pixels[5:8])
    assert np.array_equal(whole, turned)
    assert np.array_equal(whole[5:8], short)


def test_reduced_precision_is_used_where_it_is_asked_for(choice, engine, expected, pixels):
    off = np.abs(engine.embed(pixels) - expected).max() / np.abs(expected).max()
    assert (off > 1e-4) == (choice.precision == "bfloat16")


@pytest.mark.timeout(900)
def test_resnet152_agrees_with_keras(choice, pixels, resnet):
    network, expected = resnet
    found = choice.build(lambda: network, batch_size=4).embed(pixels[:4])
    assert (
        cosines(found, expected).min() > {"float32": 1 - 1e-5, "bfloat16": 0.99}[choice.precision]
    )


@pytest.fixture(scope="module")
def resnet(pixels) -> tuple[Any, np.ndarray]:
    network = load_network(Weights("random", "random-3"), seed=3)
    return network, keras_vectors(network, pixels[:4])


SEVERAL_DEVICES = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from recsys.images.engines.tensorflow import MirroredEngine
from tests.recsys.images.engines.small import small_network
pixels = np.random.default_rng(1).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
engine = MirroredEngine(
    small_network, precision="{precision}", batch_size=3, devices=["/cpu:0", "/cpu:1"])
assert engine.batch_size == 6, engine.batch_size
found, expected = engine.embed(pixels), small_network().predict_on_batch(pixels)
assert found.dtype == np.float32
off = np.abs(found - expected).max() / np.abs(expected).max()
assert {least} <= off < {most}, off
"""


@pytest.mark.parametrize(
    ("precision", "least", "most"), [("float32", 0, 1e-4), ("bfloat16", 1e-4, 0.05)]
)
def test_several_devices_share_a_batch(precision, least, most):
    """Two of them, which are half a processor each; a GPU is not at hand."""
    script = SEVERAL_DEVICES.format(precision=precision, least=least, most=most)
    path = f"{REPOSITORY / 'include'}:{REPOSITORY}"
    run = subprocess.run(
        [sys.executable, "-c", script],
        check=False, capture_output=True, text=True, env={"PYTHONPATH": path, "PATH": "/usr/bin"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
