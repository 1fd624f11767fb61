"""Where weights come from, without a network."""

import hashlib
import http.server
import threading
import urllib.error
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.s3 import Store

from recsys.config import ImagesConfig
from recsys.errors import ConfigError, RecsysError
from recsys.images.weights import Weights, identify_weights, local_file
from recsys.storage import Lake

URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
    "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
SHA256 = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server with one file, `w.h5`."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "w.h5").write_bytes(b"weights")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def identify(lake: Lake, *, seed: int = 1, **settings: str) -> Weights:
    return identify_weights(ImagesConfig(**settings), seed=seed, lake=lake)


def test_each_source_and_each_numerics_have_their_own_generation(lake, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"weights")
    found = [
        identify(lake, weights="imagenet"),
        identify(lake, weights="random"),
        identify(lake, weights="random", seed=2),
        identify(lake, weights=str(path), weights_sha256=SHA256),
    ]
    assert [weights.identity for weights in found] == ["imagenet", "random-1", "random-2", SHA256]
    assert [weights.note for weights in found] == ["imagenet", "random", "random", str(path)]
    numerics = ("openvino-cpu-bfloat16", "openvino-cpu-float32")
    assert len({weights.generation(n) for weights in found for n in numerics}) == 8


def test_the_same_seed_is_the_same_generation(lake):
    one, two = (identify(lake, weights="random").generation("numerics") for _ in range(2))
    assert one == two


def test_a_weights_file_that_is_not_there_is_one_sentence(lake):
    with pytest.raises(ConfigError) as error:
        identify(lake, weights="/nowhere/w.h5")
    assert str(error.value) == (
        "images.weights must be imagenet, random or a file. There is no /nowhere/w.h5;"
        f" the file can be had from {URL}"
    )


def test_another_file_than_expected_is_refused(lake, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"weights")
    with pytest.raises(ConfigError, match=f"images.weights_sha256 is {'0' * 64}, the file's is"):
        identify(lake, weights=str(path), weights_sha256="0" * 64)


def test_a_web_server_can_have_them(lake, server):
    weights = identify(lake, weights=f"{server}/w.h5?token=1", weights_sha256=SHA256)
    with local_file(weights) as file:
        assert file is not None
        assert (Path(file).name, Path(file).read_bytes()) == ("w.h5", b"weights")
    assert not Path(file).exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{server}/other.h5", "There is no http://127"),
        ("http://127.0.0.1:1/w.h5", "There is no http://127.0.0.1:1/w.h5"),
        ("nonsense://w.h5", "nonsense://w.h5 cannot be read"),
    ],
)
def test_an_address_without_them_is_one_sentence(lake, server, address, message):
    with pytest.raises(ConfigError, match=message):
        identify(lake, weights=address.format(server=server))


def test_a_bucket_can_have_them(lake, s3: Store):
    s3.put("models/w.h5", b"weights")
    weights = identify(lake, weights=f"{s3.address}/models/w.h5", weights_sha256=SHA256)
    with local_file(weights) as file:
        assert file is not None
        assert Path(file).read_bytes() == b"weights"
    with pytest.raises(ConfigError, match="There is no s3://"):
        identify(lake, weights=f"{s3.address}/models/other.h5")
    with pytest.raises(ConfigError, match="There is no s3://nobucket"):
        identify(lake, weights="s3://nobucket/w.h5")


def test_weights_that_change_meanwhile_are_not_used(lake, s3: Store):
    s3.put("w.h5", b"weights")
    weights = identify(lake, weights=f"{s3.address}/w.h5")
    s3.put("w.h5", b"others!")
    with (
        pytest.raises(RecsysError, match="changed while it was read: run again"),
        local_file(weights),
    ):
        pass


@pytest.mark.tensorflow
def test_a_download_that_fails_says_what_to_do(monkeypatch):
    import keras

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(ConfigError) as error, local_file(Weights("imagenet", "imagenet")):
        pass
    assert str(error.value) == (
        f"the ImageNet weights could not be downloaded: get {URL} on a machine with internet and"
        " set images.weights to the file (or put it into ~/.keras/models, or set"
        " images.weights=random for a demo whose vectors mean little)"
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("sha256", "digest"), [(None, "ee4c566cf9a93f14d82f913c2dc6dd0c"), (SHA256, SHA256)]
)
def test_the_download_is_checked(lake, monkeypatch, sha256, digest):
    import keras

    asked: list[tuple[object, ...]] = []

    def get_file(name: str, origin: str, *, cache_subdir: str, file_hash: str) -> str:
        asked.append((name, origin, cache_subdir, file_hash))
        return "/models/w.h5"

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with local_file(identify(lake, weights="imagenet", weights_sha256=sha256)) as file:
        assert file == "/models/w.h5"
    assert asked == [(URL.rpartition("/")[2], URL, "models", digest)]
