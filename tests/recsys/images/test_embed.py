import logging

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import ImagesConfig
from recsys.errors import RecsysError
from recsys.images.embed import VectorStore, embed_missing
from recsys.images.inventory import ImageFolder, take_inventory

CONFIG = ImagesConfig(weights="random", batch_size=2, shard_articles=3, max_pixels=10_000)
LOGGER = logging.getLogger("test")


class MeanColour:
    """A network whose vector is the mean red, green and blue, and which counts its work."""

    batch_size = 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        vectors = np.zeros((len(pixels), 2048), dtype=np.float32)
        vectors[:, :3] = pixels.mean(axis=(1, 2))
        return vectors


@pytest.fixture
def articles() -> pa.Table:
    ids = [f"0{at}00000001" for at in range(1, 8)]
    return pa.table({"article_key": pa.array(range(2, 9), pa.int32()), "article_id": ids})


@pytest.fixture
def folder(tmp_path, put_image, encode, articles) -> ImageFolder:
    for at, article_id in enumerate(articles["article_id"].to_pylist()):
        put_image(article_id, encode((10 * at, 0, 0)))
    return ImageFolder(str(tmp_path / "data"))


def test_every_image_gets_its_own_vector(tmp_path, folder, articles):
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    done = embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER)
    assert done == 7
    assert network.batches == [2, 1, 2, 1, 1]  # shards of 3 in batches of 2
    vectors = store.take([image.sha256 for image in inventory.images])
    assert vectors[:, 0].tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_equal_images_are_embedded_once(tmp_path, folder, articles, put_image, encode):
    put_image("0100000001", encode((60, 0, 0)))
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    assert (
        embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER) == 6
    )
    vectors = store.take([image.sha256 for image in inventory.images])
    assert vectors[:, 0].tolist() == [60, 10, 20, 30, 40, 50, 60]


def test_broken_images_are_set_aside_and_the_others_go_on(
    tmp_path, folder, articles, put_image, encode
):
    put_image("0200000001", b"")
    put_image("0300000001", b"no image")
    put_image("0400000001", encode(size=(200, 100)))
    noise = encode(np.random.default_rng(1).integers(0, 256, (60, 60, 3), dtype=np.uint8))
    put_image("0500000001", noise[: len(noise) // 2])
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    assert (
        embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER) == 3
    )
    assert [image.article_id for image in inventory.images] == [
        "0100000001",
        "0600000001",
        "0700000001",
    ]
    assert inventory.rejected == {
        "0200000001": "image_empty",
        "0300000001": "not_an_image",
        "0400000001": "image_too_large",
        "0500000001": "image_truncated",
    }


def test_a_stopped_run_goes_on_where_it_was(tmp_path, folder, articles):
    class Stopped(MeanColour):
        def embed(self, pixels: np.ndarray) -> np.ndarray:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().embed(pixels)

    with pytest.raises(KeyboardInterrupt):
        embed_missing(
            take_inventory(folder, articles), folder, VectorStore(tmp_path / "scratch"), Stopped,
            config=CONFIG, logger=LOGGER,
        )  # fmt: skip
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    assert (
        embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER) == 4
    )
    assert store.take([i.sha256 for i in inventory.images])[:, 0].tolist() == [
        0, 10, 20, 30, 40, 50, 60,
    ]  # fmt: skip
    store.clear()
    assert not (tmp_path / "scratch").exists()


def test_the_network_is_not_built_for_nothing(tmp_path, folder, articles):
    inventory = take_inventory(folder, articles)
    store = VectorStore(tmp_path / "scratch")
    store.remember([i.sha256 for i in inventory.images], np.zeros((7, 2048), np.float32))

    def build():
        raise AssertionError("built")

    assert embed_missing(inventory, folder, store, build, config=CONFIG, logger=LOGGER) == 0


def test_an_image_that_changes_meanwhile_is_tried_again(
    tmp_path, folder, articles, put_image, encode
):
    inventory = take_inventory(folder, articles)
    put_image("0100000001", encode("blue"))
    with pytest.raises(RecsysError, match="0100000001 changed while it was read: run again") as e:
        embed_missing(
            inventory, folder, VectorStore(tmp_path / "s"), MeanColour, config=CONFIG, logger=LOGGER
        )
    assert e.value.exit_code == 1
