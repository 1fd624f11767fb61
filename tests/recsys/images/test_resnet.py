import hashlib
import urllib.error

import numpy as np
import pytest

from recsys.config import ImagesConfig
from recsys.errors import ConfigError
from recsys.images.resnet import Embedder, Weights, build_embedder, identify_weights

URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
    "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
RANDOM = Weights("random", "random-3")


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return build_embedder(RANDOM, batch_size=2, seed=3)


def pixels(n: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (n, 224, 224, 3)).astype(np.float32)


@pytest.mark.tensorflow
def test_an_image_becomes_2048_numbers(embedder):
    vectors = embedder.embed(pixels(2))
    assert vectors.shape == (2, 2048)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.abs(vectors[0] - vectors[1]).max() > 0


@pytest.mark.tensorflow
def test_a_short_batch_gives_the_same_vectors_and_compiles_nothing_new(embedder):
    both = embedder.embed(pixels(2))
    one = embedder.embed(pixels(2)[:1])
    assert one.shape == (1, 2048)
    np.testing.assert_allclose(one[0], both[0], rtol=1e-4, atol=1e-4)
    assert embedder.network.predict_function.experimental_get_tracing_count() == 1


@pytest.mark.tensorflow
def test_the_input_is_prepared_as_the_network_was_trained(embedder):
    """Caffe's way: blue, green, red, less the means of ImageNet."""

    class Spy:
        def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
            return np.repeat(batch[:, 0, 0, :], [1, 1, 2046], axis=1)

    red = np.zeros((1, 224, 224, 3), dtype=np.float32)
    red[..., 0] = 255
    blue, green, red_ = Embedder(Spy(), batch_size=2).embed(red)[0, :3]
    assert blue == pytest.approx(-103.939)
    assert green == pytest.approx(-116.779)
    assert red_ == pytest.approx(255 - 123.68)


@pytest.mark.tensorflow
def test_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch):
    import keras

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(keras.applications, "ResNet152", offline)
    with pytest.raises(ConfigError) as error:
        build_embedder(Weights("imagenet", "imagenet"), batch_size=2, seed=1)
    assert str(error.value) == (
        f"the ImageNet weights could not be downloaded: get {URL} on a machine with internet and"
        " set images.weights to the file (or put it into ~/.keras/models, or set"
        " images.weights=random for a demo whose vectors mean little)"
    )


@pytest.mark.tensorflow
def test_a_file_of_other_weights_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"not weights")
    weights = identify_weights(ImagesConfig(weights=str(path)), seed=1)
    with pytest.raises(
        ConfigError, match="does not hold the weights of ResNet152 without its head"
    ):
        build_embedder(weights, batch_size=2, seed=1)


@pytest.mark.tensorflow
def test_weights_from_a_file_are_the_networks(embedder, tmp_path):
    path = tmp_path / "saved.weights.h5"
    embedder.network.save_weights(path)
    weights = identify_weights(ImagesConfig(weights=str(path)), seed=9)
    loaded = build_embedder(weights, batch_size=2, seed=9)
    np.testing.assert_allclose(
        loaded.embed(pixels(2)), embedder.embed(pixels(2)), rtol=1e-5, atol=1e-5
    )


def test_each_source_has_its_own_generation(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    settings = [
        (ImagesConfig(weights="imagenet"), 1),
        (ImagesConfig(weights="random"), 1),
        (ImagesConfig(weights="random"), 2),
        (ImagesConfig(weights=str(path), weights_sha256=digest), 1),
    ]
    found = [identify_weights(config, seed=seed) for config, seed in settings]
    assert [weights.identity for weights in found] == ["imagenet", "random-1", "random-2", digest]
    assert len({weights.generation for weights in found}) == 4
    assert [weights.note for weights in found] == ["imagenet", "random", "random", str(path)]


def test_the_same_seed_is_the_same_generation():
    one = identify_weights(ImagesConfig(weights="random"), seed=1)
    two = identify_weights(ImagesConfig(weights="random"), seed=1)
    assert one.generation == two.generation


def test_a_weights_file_that_is_not_there_is_one_sentence():
    with pytest.raises(ConfigError) as error:
        identify_weights(ImagesConfig(weights="/nowhere/w.h5"), seed=1)
    assert str(error.value) == (
        "images.weights must be imagenet, random or a file. There is no /nowhere/w.h5;"
        f" the file can be had from {URL}"
    )


def test_another_file_than_expected_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"weights")
    config = ImagesConfig(weights=str(path), weights_sha256="0" * 64)
    with pytest.raises(ConfigError, match=f"images.weights_sha256 is {'0' * 64}, the file's is"):
        identify_weights(config, seed=1)
