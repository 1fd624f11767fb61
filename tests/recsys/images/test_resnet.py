"""The network itself: shapes, how its input is prepared, and whose weights it has."""

from typing import Any

import numpy as np
import pytest

from recsys.config import ImagesConfig
from recsys.errors import ConfigError
from recsys.images.resnet import load_network, prepare
from recsys.images.weights import Weights, identify_weights
from recsys.storage import Lake

pytestmark = pytest.mark.tensorflow

RANDOM = Weights("random", "random-3")


@pytest.fixture(scope="module")
def network() -> Any:
    return load_network(RANDOM, seed=3)


def pixels(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 224, 224, 3), dtype=np.uint8)


def test_an_image_becomes_2048_numbers(network):
    vectors = network.predict_on_batch(pixels(2))
    assert vectors.shape == (2, 2048)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.abs(vectors[0] - vectors[1]).max() > 0


def test_the_input_is_prepared_as_the_network_was_trained(network):
    """Caffe's way: blue, green, red, less the means of ImageNet."""
    resnet = network.get_layer("resnet152")
    prepared = pixels(2)[..., ::-1].astype(np.float32) - [103.939, 116.779, 123.68]
    expected = resnet.predict_on_batch(prepared.astype(np.float32))
    # 152 layers of sums in float32, in another order; a channel out of place would be far off.
    np.testing.assert_allclose(network.predict_on_batch(pixels(2)), expected, rtol=1e-3, atol=1e-4)


def test_the_input_is_what_keras_prepares():
    import keras

    numbers = pixels(2).astype(np.float32)
    expected = keras.applications.resnet.preprocess_input(keras.ops.convert_to_tensor(numbers))
    assert np.array_equal(prepare(pixels(2)), expected)


def test_the_seed_makes_the_random_weights(network):
    kernels = [load_network(RANDOM, seed=seed).get_weights()[0] for seed in (3, 4)]
    assert np.array_equal(kernels[0], network.get_weights()[0])
    assert not np.array_equal(kernels[1], kernels[0])


def test_a_file_of_other_weights_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"not weights")
    lake = Lake(str(tmp_path / "lake"))
    weights = identify_weights(ImagesConfig(weights=str(path)), seed=1, lake=lake)
    with pytest.raises(
        ConfigError, match="does not hold the weights of ResNet152 without its head"
    ):
        load_network(weights, seed=1)


def test_weights_from_a_file_are_the_networks(network, tmp_path):
    path = tmp_path / "saved.weights.h5"
    network.get_layer("resnet152").save_weights(path)
    lake = Lake(str(tmp_path / "lake"))
    weights = identify_weights(ImagesConfig(weights=str(path)), seed=9, lake=lake)
    loaded = load_network(weights, seed=9).predict_on_batch(pixels(2))
    np.testing.assert_array_equal(loaded, network.predict_on_batch(pixels(2)))
