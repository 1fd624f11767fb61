"""Images in a bucket: found, told apart by their ETags, decoded; vectors go to a lake there."""

import hashlib

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from jobs.embed_images import main
from tests.s3 import Store

from recsys.images.inventory import ImageFolder, take_inventory
from recsys.images.load import ImageFault, Reason, decode
from recsys.paths import Partition
from recsys.schemas import CLEANED_ARTICLES
from recsys.storage import Lake

RED, BLUE = "0108775015", "0208775015"
VECTORS = Partition("images.embeddings", "all")
ARTICLES = pa.table({"article_key": pa.array([2, 3], pa.int32()), "article_id": [RED, BLUE]})


@pytest.fixture
def data(s3: Store, encode) -> str:
    """A data folder in a bucket, with an image of the first of two articles."""
    s3.put(f"raw/images/010/{RED}.jpg", encode("red", format="JPEG", quality=100))
    return f"{s3.address}/raw"


def test_an_image_is_read_and_decoded(data):
    pixels = decode(ImageFolder(data).read(RED), max_pixels=10_000)
    assert pixels.shape == (224, 224, 3)
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), [254, 0, 0], atol=1)


def test_an_object_that_is_no_image_has_a_reason(s3, data):
    s3.put(f"raw/images/010/{RED}.jpg", b"<html>")
    with pytest.raises(ImageFault) as caught:
        decode(ImageFolder(data).read(RED), max_pixels=10_000)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_what_is_there_is_listed_by_article(s3, data):
    inventory = take_inventory(ImageFolder(data), ARTICLES)
    content = s3.get(f"raw/images/010/{RED}.jpg")
    (image,) = inventory.images
    assert (image.article_key, image.sha256) == (2, hashlib.sha256(content).hexdigest())
    assert image.stamp == f'{len(content)}-"{hashlib.md5(content).hexdigest()}"'
    assert inventory.rejected == {BLUE: Reason.MISSING}


def test_a_changed_object_is_seen_and_an_unchanged_one_not_read_again(
    s3, data, encode, monkeypatch
):
    first = take_inventory(ImageFolder(data), ARTICLES)
    s3.put(f"raw/images/020/{BLUE}.jpg", encode("blue", format="JPEG"))
    read: list[str] = []
    read_image = ImageFolder.read

    def record(self: ImageFolder, article_id: str) -> bytes:
        read.append(article_id)
        return read_image(self, article_id)

    monkeypatch.setattr(ImageFolder, "read", record)
    second = take_inventory(ImageFolder(data), ARTICLES, known=first.listing())
    assert ([i.article_id for i in second.images], read) == ([RED, BLUE], [BLUE])
    s3.put(f"raw/images/010/{RED}.jpg", encode("green", format="JPEG"))
    third = take_inventory(ImageFolder(data), ARTICLES, known=second.listing())
    assert read == [BLUE, RED]
    assert third.images[0].sha256 != first.images[0].sha256


def test_an_images_folder_that_comes_later_is_seen(s3, encode):
    s3.put("raw/articles.csv", b"x")
    assert ImageFolder(f"{s3.address}/raw").stamps() is None
    fsspec.filesystem("s3").ls(f"{s3.bucket}/raw")
    s3.put(f"raw/images/010/{RED}.jpg", encode("red", format="JPEG"))
    assert set(ImageFolder(f"{s3.address}/raw").stamps()) == {f"images/010/{RED}.jpg"}


class MeanColour:
    """Stands in for the engine: a vector is the mean red, green and blue."""

    batch_size = 4

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        vectors = np.zeros((len(pixels), 2048), dtype=np.float32)
        vectors[:, :3] = pixels.mean(axis=(1, 2))
        return vectors


def test_the_job_reads_and_writes_buckets(s3, data, encode, tmp_path, monkeypatch):
    built: list[MeanColour] = []

    def build(*_: object, **__: object) -> MeanColour:
        built.append(MeanColour())
        return built[-1]

    monkeypatch.setattr("recsys.images.engines.choose.Choice.build", build)
    lake = Lake(f"{s3.address}/lake")
    articles = pa.table(
        {field.name: pa.nulls(2, field.type) for field in CLEANED_ARTICLES}
        | {name: ARTICLES[name] for name in ARTICLES.column_names},
        schema=CLEANED_ARTICLES,
    )
    with lake.write(Partition("cleaned.articles", "2020-09-23"), fingerprint="f") as draft:
        lake.put_table(draft, articles)
    flags = [
        "--run-date=2020-09-23", "--env=test", f"--data={data}", f"--lake={s3.address}/lake",
        f"--set=state={tmp_path}", "--report=reports/r/embed_images.json",
    ]  # fmt: skip
    assert main(flags) == 0
    assert vectors_of(lake) == {2: [254, 0, 0]}
    assert b'"status": "written"' in s3.get("lake/reports/r/embed_images.json")
    assert main(flags) == 0
    assert len(built) == 1
    assert b'"status": "unchanged"' in s3.get("lake/reports/r/embed_images.json")
    s3.put(f"raw/images/020/{BLUE}.jpg", encode("blue", format="JPEG", quality=100))
    assert main(flags) == 0
    assert lake.require(VECTORS).counts == {"embedded": 1, "reused": 1}
    assert vectors_of(lake) == {2: [254, 0, 0], 3: [0, 0, 254]}


def vectors_of(lake: Lake) -> dict[int, list[int]]:
    """Return the first three numbers of each article's vector."""
    with lake.local_path(VECTORS) as path:
        keys = np.load(path / "article_keys.npy")
        vectors = np.load(path / "embeddings.npy")
    return {int(k): v[:3].round().astype(int).tolist() for k, v in zip(keys, vectors, strict=True)}
