"""ResNet152 without its head: pixels in, 2048 numbers out.

He et al., Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385.
TensorFlow is imported where a network is built, so that everything else stays quick to start.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt

from recsys.config import ImagesConfig
from recsys.digest import sha256_of_file, sha256_of_json
from recsys.errors import ConfigError
from recsys.images.load import SIZE, Pixels

DIM = 2048
IMAGENET_FILE = "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{IMAGENET_FILE}"
)
DOWNLOAD_TIMEOUT_S = 30
#: Raised whenever pixels are prepared in another way: older vectors are then not reused.
PREPARATION = 1


@dataclass(frozen=True)
class Weights:
    """Which weights a network has: `source` as configured, `identity` unique to the contents."""

    source: str
    identity: str

    @property
    def generation(self) -> str:
        """Equal for vectors that may stand side by side."""
        return sha256_of_json([self.identity, PREPARATION])[:16]

    @property
    def note(self) -> str:
        """What manifests say: `imagenet`, `random`, or the file."""
        return self.source


def identify_weights(config: ImagesConfig, *, seed: int) -> Weights:
    """Return which weights the settings mean, checked against `weights_sha256` where it is set.

    Raises:
        ConfigError: the file is not there, or is another one.
    """
    if config.weights == "random":
        return Weights("random", f"random-{seed}")
    if config.weights == "imagenet":
        return Weights("imagenet", "imagenet")
    try:
        digest = sha256_of_file(config.weights)
    except OSError as error:
        raise ConfigError(
            f"images.weights must be imagenet, random or a file. There is no {config.weights};"
            f" the file can be had from {IMAGENET_URL}"
        ) from error
    if config.weights_sha256 not in (None, digest):
        raise ConfigError(
            f"{config.weights} is not the file expected: images.weights_sha256 is"
            f" {config.weights_sha256}, the file's is {digest}"
        )
    return Weights(config.weights, digest)


class Embedder:
    """The network; batches of any size up to `batch_size` run through one compiled graph."""

    def __init__(self, network: Any, *, batch_size: int) -> None:
        self.network = network
        self.batch_size = batch_size

    def embed(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return the vectors `[n, DIM]` of images `[n, SIZE, SIZE, 3]` in 0..255, n <= batch_size.

        A short batch is padded: another shape would compile the graph again.
        """
        from keras.applications.resnet import preprocess_input

        batch = np.zeros((self.batch_size, SIZE, SIZE, 3), dtype=np.float32)
        batch[: len(pixels)] = pixels
        vectors = self.network.predict_on_batch(preprocess_input(batch))
        return np.asarray(vectors[: len(pixels)], dtype=np.float32)


def build_embedder(weights: Weights, *, batch_size: int, seed: int) -> Embedder:
    """Return the network with the weights loaded; random ones come from the seed.

    Raises:
        ConfigError: the weights cannot be downloaded, or are not those of this network.
    """
    # TensorFlow's own start-up lines say nothing that a user can act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.utils.set_random_seed(seed)
    with _local_file(weights) as source, _timeout(DOWNLOAD_TIMEOUT_S):
        try:
            network = keras.applications.ResNet152(
                include_top=False, weights=source, pooling="avg", input_shape=(SIZE, SIZE, 3)
            )
        except Exception as error:
            raise ConfigError(_explain(weights)) from error
    network.trainable = False
    return Embedder(network, batch_size=batch_size)


def _explain(weights: Weights) -> str:
    if weights.source == "imagenet":
        return (
            f"the ImageNet weights could not be downloaded: get {IMAGENET_URL} on a machine with"
            f" internet and set images.weights to the file (or put it into ~/.keras/models, or set"
            f" images.weights=random for a demo whose vectors mean little)"
        )
    return (
        f"{weights.source} does not hold the weights of ResNet152 without its head: get"
        f" {IMAGENET_URL}"
    )


@contextmanager
def _local_file(weights: Weights) -> Iterator[str | None]:
    """Yield what Keras takes for weights: None, `imagenet`, or a local file."""
    if weights.source in ("imagenet", "random"):
        yield None if weights.source == "random" else "imagenet"
    elif "://" not in weights.source:
        yield weights.source
    else:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / Path(weights.source).name
            with fsspec.open(weights.source, "rb") as remote:
                local.write_bytes(remote.read())
            yield str(local)


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Bound the wait for a server that never answers; Keras's download has no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
