import logging
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import ImagesConfig
from recsys.errors import RecsysError
from recsys.images.embed import embed_missing
from recsys.images.inventory import ImageFolder, take_inventory
from recsys.images.store import VectorStore

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


def shards(tmp_path: Path) -> list[Path]:
    """The shards, the oldest first."""
    return sorted((tmp_path / "scratch").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_every_image_gets_its_own_vector(tmp_path, folder, articles):
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    run = embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER)
    assert (run.wanted, run.embedded, run.faults) == (7, 7, {})
    assert network.batches == [2, 2, 2, 1]
    assert [len(np.load(shard)) for shard in shards(tmp_path)] == [3, 3, 1]
    vectors = store.take([image.sha256 for image in inventory.images])
    assert vectors[:, 0].tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_equal_images_are_embedded_once(tmp_path, folder, articles, put_image, encode):
    put_image("0100000001", encode((60, 0, 0)))
    network, store = MeanColour(), VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    run = embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER)
    assert run.embedded == 6
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
    run = embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER)
    assert run.embedded == 3
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
    run = embed_missing(inventory, folder, store, lambda: network, config=CONFIG, logger=LOGGER)
    assert (run.wanted, run.embedded) == (4, 4)
    assert store.take([i.sha256 for i in inventory.images])[:, 0].tolist() == [
        0, 10, 20, 30, 40, 50, 60,
    ]  # fmt: skip
    store.clear()
    assert not (tmp_path / "scratch").exists()


def test_the_network_is_not_built_for_nothing(tmp_path, folder, articles):
    inventory = take_inventory(folder, articles)
    store = VectorStore(tmp_path / "scratch")
    np.save(tmp_path / "earlier.npy", np.zeros((7, 2048), np.float32))
    store.remember(tmp_path / "earlier.npy", [i.sha256 for i in inventory.images])

    def build():
        raise AssertionError("built")

    run = embed_missing(inventory, folder, store, build, config=CONFIG, logger=LOGGER)
    assert (run.wanted, run.embedded) == (0, 0)


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


def test_decoding_goes_on_while_the_engine_works_but_not_without_end(
    tmp_path, folder, articles, monkeypatch
):
    decoded: list[str] = []
    read = ImageFolder.read

    def record(self: ImageFolder, article_id: str) -> bytes:
        decoded.append(article_id)
        return read(self, article_id)

    # Two taken by the engine and two waiting at the first batch, since it asks for one first.
    expected = [4, 6, 7, 7]
    seen: list[int] = []

    class Slow(MeanColour):
        def embed(self, pixels: np.ndarray) -> np.ndarray:
            latest = time.monotonic() + 10
            while len(decoded) < expected[len(seen)] and time.monotonic() < latest:
                time.sleep(0.01)
            time.sleep(0.1)  # for one too many
            seen.append(len(decoded))
            return super().embed(pixels)

    inventory = take_inventory(folder, articles)
    monkeypatch.setattr(ImageFolder, "read", record)
    config = CONFIG.model_copy(update={"decode_ahead": 3, "workers": 2})
    store = VectorStore(tmp_path / "scratch")
    embed_missing(inventory, folder, store, Slow, config=config, logger=LOGGER)
    assert seen == expected


def test_facts_say_where_the_time_went(tmp_path, folder, articles):
    class Slow(MeanColour):
        def embed(self, pixels: np.ndarray) -> np.ndarray:
            time.sleep(0.05)
            return super().embed(pixels)

    store = VectorStore(tmp_path / "scratch")
    inventory = take_inventory(folder, articles)
    run = embed_missing(inventory, folder, store, Slow, config=CONFIG, logger=LOGGER)
    facts = run.facts()
    assert set(facts) == {
        "start_seconds", "decode_seconds", "wait_seconds", "engine_seconds", "write_seconds",
        "images_per_second",
    }  # fmt: skip
    assert 0.2 <= facts["engine_seconds"] < 2
    assert 1 < facts["images_per_second"] <= 7 / 0.2
    assert run.counts(inventory) == {"embedded": 7, "reused": 0}
