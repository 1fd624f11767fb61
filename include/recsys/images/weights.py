"""Where the network's weights come from: a file, an address, or Keras's download."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import fsspec
from botocore.exceptions import ClientError

from recsys.config import ImagesConfig
from recsys.digest import sha256_of_file, sha256_of_json
from recsys.errors import ConfigError, RecsysError
from recsys.faults import explained_store
from recsys.images.load import PREPARATION
from recsys.remembered import remembered_sha256
from recsys.storage import Lake

IMAGENET_FILE = "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_URL = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{IMAGENET_FILE}"
)
#: By which Keras itself checks the download.
IMAGENET_MD5 = "ee4c566cf9a93f14d82f913c2dc6dd0c"
DOWNLOAD_TIMEOUT_S = 30


@dataclass(frozen=True)
class Weights:
    """Which weights a network has: `source` as configured, `identity` unique to the contents."""

    source: str
    identity: str

    def generation(self, numerics: str) -> str:
        """Return what is equal for vectors that may stand side by side.

        They have the same weights, pixels prepared alike, and engines of the same `numerics`.
        """
        return sha256_of_json([self.identity, PREPARATION, numerics])[:16]

    @property
    def note(self) -> str:
        """What manifests say: `imagenet`, `random`, or the file."""
        return self.source


def identify_weights(config: ImagesConfig, *, seed: int, lake: Lake) -> Weights:
    """Return which weights the settings mean, checked against `weights_sha256` where it is set.

    Keras's download is checked when it is made. The lake remembers the digests of files.

    Raises:
        ConfigError: the file is not there, cannot be read, or is another one.
    """
    if config.weights == "random":
        return Weights("random", f"random-{seed}")
    if config.weights == "imagenet":
        return Weights("imagenet", config.weights_sha256 or "imagenet")
    digest = _digest(config.weights, lake)
    if config.weights_sha256 not in (None, digest):
        raise ConfigError(
            f"{config.weights} is not the file expected: images.weights_sha256 is"
            f" {config.weights_sha256}, the file's is {digest}"
        )
    return Weights(config.weights, digest)


def _digest(source: str, lake: Lake) -> str:
    with explained_store(source):
        try:
            return remembered_sha256(lake, source)
        except FileNotFoundError as error:
            raise ConfigError(
                f"images.weights must be imagenet, random or a file. There is no {source};"
                f" the file can be had from {IMAGENET_URL}"
            ) from error
        except (OSError, ValueError, ImportError, aiohttp.ClientError) as error:
            if isinstance(error.__cause__, ClientError):
                raise  # a store's own word, which is explained
            raise ConfigError(f"images.weights: {source} cannot be read: {error}") from error


@contextmanager
def local_file(weights: Weights) -> Iterator[str | None]:
    """Yield a local file with the weights; None for random ones.

    Raises:
        ConfigError: Keras's download failed, or is not the file expected.
        RecsysError: the file at an address is another one than before.
    """
    if weights.source == "random":
        yield None
    elif weights.source == "imagenet":
        yield _download(weights)
    elif "://" not in weights.source:
        yield weights.source
    else:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / Path(urlsplit(weights.source).path).name
            with fsspec.open(weights.source, "rb") as remote, local.open("wb") as file:
                shutil.copyfileobj(remote, file, 1 << 20)
            if sha256_of_file(local) != weights.identity:
                raise RecsysError(f"{weights.source} changed while it was read: run again")
            yield str(local)


def _download(weights: Weights) -> str:
    """Return Keras's download, checked by the sha256 that is set, else as Keras checks it."""
    import keras

    digest = weights.identity if weights.identity != "imagenet" else IMAGENET_MD5
    try:
        with _timeout(DOWNLOAD_TIMEOUT_S):
            file: str = keras.utils.get_file(
                IMAGENET_FILE, IMAGENET_URL, cache_subdir="models", file_hash=digest
            )
    except Exception as error:
        raise ConfigError(
            f"the ImageNet weights could not be downloaded: get {IMAGENET_URL} on a machine with"
            f" internet and set images.weights to the file (or put it into ~/.keras/models, or set"
            f" images.weights=random for a demo whose vectors mean little)"
        ) from error
    return file


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Bound the wait for a server that never answers; Keras's download has no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
