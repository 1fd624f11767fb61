"""Images: a killed run loses nothing, only what is new is embedded, broken files harm no others."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tests.promises.images import BATCH

from recsys.config import REPOSITORY
from recsys.paths import Partition, image_path
from recsys.schemas import CLEANED_ARTICLES
from recsys.storage import Lake

pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(900)]

RUN_DATE = "2020-09-23"
VECTORS, REJECTED = Partition("images.embeddings", "all"), Partition("rejected.images", RUN_DATE)
COUNT, SHARD = 200, 16
FILES = ["article_keys.npy", "embeddings.npy", "listing.parquet", "pca.npz", "reduced.npy"]


@dataclass(frozen=True)
class World:
    """A data folder with a lake beside it."""

    root: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    @property
    def shards(self) -> list[Path]:
        return list(self.root.glob("state/embeddings/*/*.npy"))

    def image(self, at: int) -> Path:
        return self.root / "data" / image_path(article_id(at))

    def put(self, at: int, content: bytes) -> None:
        self.image(at).parent.mkdir(parents=True, exist_ok=True)
        self.image(at).write_bytes(content)

    def start(self, *flags: str, seconds: float = 0) -> subprocess.Popen[bytes]:
        argv = [
            str(seconds), "--run-date", RUN_DATE, "--env", "test", "--lake", self.lake.root,
            "--data", str(self.root / "data"), "--set", f"state={self.root / 'state'}",
            "--set", f"images.shard_articles={SHARD}", "--set", "images.max_pixels=1000000", *flags,
        ]  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-m", "tests.promises.images", *argv],
            cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": f"include:{REPOSITORY}"},
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *flags: str) -> None:
        process = self.start(*flags)
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()[-3000:]

    def counts(self) -> dict[str, int]:
        return self.lake.require(VECTORS).counts

    def contents(self) -> dict[str, bytes]:
        with self.lake.local_path(VECTORS) as folder:
            assert sorted(file.name for file in folder.iterdir()) == FILES
            return {name: (folder / name).read_bytes() for name in FILES}

    def vector(self, at: int) -> np.ndarray:
        with self.lake.local_path(VECTORS) as folder:
            keys = np.load(folder / "article_keys.npy").tolist()
            return np.load(folder / "embeddings.npy")[keys.index(at + 2)]


def article_id(at: int) -> str:
    return f"0{at:03}000001"


def picture(seed: int, **options: object) -> bytes:
    """A JPEG of its own; its content comes from the seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    return encoded(Image.fromarray(coarse).resize((160, 240)), "JPEG", quality=90, **options)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Articles with keys from 2, an image each."""
    made = World(tmp_path)
    columns = {field.name: pa.nulls(COUNT, field.type) for field in CLEANED_ARTICLES}
    columns["article_key"] = pa.array(range(2, COUNT + 2), pa.int32())
    columns["article_id"] = [article_id(at) for at in range(COUNT)]
    with made.lake.write(Partition("cleaned.articles", RUN_DATE), fingerprint="f") as draft:
        made.lake.put_table(draft, pa.table(columns, schema=CLEANED_ARTICLES))
    for at in range(COUNT):
        made.put(at, picture(at))
    return made


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_a_killed_run_goes_on_and_leaves_the_same_bytes(world: World, engine: str) -> None:
    flags = ["--set", f"images.engine={engine}"]
    # A broken image among those that are done moves the others to other places in their batches.
    world.put(3, b"")
    killed = world.start(*flags, seconds=0.1)
    while len(world.shards) < 3:
        assert killed.poll() is None, killed.stderr.read().decode()[-3000:]
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    done = len(world.shards) * SHARD
    assert 3 * SHARD <= done < COUNT - 2 * BATCH
    assert world.lake.manifest(VECTORS) is None

    world.run(*flags)
    assert world.counts() == {"embedded": COUNT - 1 - done, "reused": done}
    assert world.shards == []
    resumed = world.contents()

    world.run(*flags, "--force")
    assert world.counts() == {"embedded": COUNT - 1, "reused": 0}
    assert world.contents() == resumed


def test_only_what_is_new_or_changed_is_embedded(world: World) -> None:
    world.run()
    first = world.lake.require(VECTORS)
    kept = world.vector(5)
    world.run()
    assert world.lake.require(VECTORS) == first  # nothing was written at all

    world.put(7, picture(1007))
    world.image(8).unlink()
    os.utime(world.image(9), (1, 1))  # another time, the same content
    world.run()
    assert world.counts() == {"embedded": 1, "reused": COUNT - 2}
    assert np.array_equal(world.vector(5), kept)

    changed = world.contents()
    world.run("--force")
    assert world.contents() == changed


def broken() -> dict[str, list[bytes]]:
    """Files that give no vector, by reason."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 60, 3), dtype=np.uint8))
    cut = [encoded(noise, format)[:-600] for format in ("JPEG", "PNG", "BMP")]
    whole = picture(0)
    damaged = whole[:400] + b"\x00" * 200  # a header, and then nothing of use
    bombs = [
        encoded(Image.new("1", (20_000, 20_000)), "PNG"),
        encoded(Image.new("L", (12_000, 300)), "JPEG"),
        encoded(Image.new("P", (1_001, 1_000)), "GIF"),
    ]
    others = [b"<html>404</html>", b"%PDF-1.7", b"\x00" * 64, b"\xff\xd8\xff\xe0", b"RIFFxxxxWEBP"]
    others += [encoded(noise, format) for format in ("TIFF", "PPM", "ICO")]
    return {
        "image_empty": [b""] * 6,
        "not_an_image": [*others, *others][:15],
        "image_too_large": bombs,
        "image_truncated": [*cut, damaged, whole[: len(whole) // 2], whole[:-40]],
    }


def odd() -> list[bytes]:
    """Files that are unusual and must give a vector."""
    image = Image.open(io.BytesIO(picture(99)))
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image.convert("L"), "JPEG"),
        encoded(image.convert("1"), "PNG"),
        encoded(image.quantize(16), "PNG"),
        encoded(image.quantize(16), "GIF"),
        encoded(image.convert("RGBA"), "PNG"),
        encoded(image.convert("LA"), "PNG"),
        encoded(image, "WEBP"),
        encoded(image, "BMP"),
        encoded(image, "JPEG", progressive=True),
        encoded(image, "JPEG", exif=exif),
        encoded(image.resize((1, 1)), "JPEG"),
    ]


def test_broken_images_have_a_reason_and_harm_no_others(world: World) -> None:
    expected: dict[str, str] = {}
    at = 0
    for reason, files in broken().items():
        for content in files:
            world.put(at, content)
            expected[article_id(at)] = reason
            at += 3
    for _ in range(8):
        world.image(at).unlink()
        expected[article_id(at)] = "image_missing"
        at += 3
    for place, reason in ((at, "image_unreadable"), (at + 3, "image_missing")):
        world.image(place).unlink()
        expected[article_id(place)] = reason
    world.image(at).symlink_to(world.root / "nowhere")
    world.image(at + 3).mkdir()  # there is one of that name, but no file
    assert len(expected) == 40
    for number, content in enumerate(odd()):
        world.put(3 * number + 1, content)

    world.run()
    rejected = world.lake.read(REJECTED).to_pylist()
    assert {row["line"]: row["reason"] for row in rejected} == expected
    assert world.lake.require(VECTORS).rows == COUNT - 40
    with world.lake.local_path(VECTORS) as folder:
        vectors = np.load(folder / "embeddings.npy")
        assert np.isfinite(vectors).all()
        assert (np.abs(vectors).max(axis=1) > 0).all()
    # Neither do those beside them look any different.
    alone = world.vector(2)
    for number in range(0, 120, 3):
        if world.image(number).is_file():
            world.put(number, picture(5000 + number))
    world.run()
    assert np.array_equal(world.vector(2), alone)
