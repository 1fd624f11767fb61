import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from jobs.embed_images import main
from PIL import Image

from recsys.config import Config
from recsys.paths import Partition, image_path
from recsys.schemas import CLEANED_ARTICLES
from recsys.storage import Lake

IDS = ["0100000001", "0200000001", "0300000001", "0400000001", "0500000001", "0600000001"]
VECTORS = Partition("images.embeddings", "all")
REJECTED = Partition("rejected.images", "2020-09-23")


class MeanColour:
    """Stands in for the network: a vector is the mean red, green and blue."""

    batch_size = 4
    embedded = 0
    built = 0

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        MeanColour.embedded += len(pixels)
        vectors = np.zeros((len(pixels), 2048), dtype=np.float32)
        vectors[:, :3] = pixels.mean(axis=(1, 2))
        return vectors


@pytest.fixture
def network(monkeypatch) -> type[MeanColour]:
    def build(*_: object, **__: object) -> MeanColour:
        MeanColour.built += 1
        return MeanColour()

    MeanColour.embedded = MeanColour.built = 0
    monkeypatch.setattr("recsys.images.engines.choose.Choice.build", build)
    return MeanColour


@pytest.fixture
def folder(config: Config, lake: Lake) -> Path:
    """Six articles with keys 2 to 7; the first two have good images, the others do not."""
    articles = pa.table(
        {
            field.name: pa.nulls(6, field.type)
            for field in CLEANED_ARTICLES
        }
        | {"article_key": pa.array(range(2, 8), pa.int32()), "article_id": IDS},
        schema=CLEANED_ARTICLES,
    )  # fmt: skip
    with lake.write(Partition("cleaned.articles", "2020-09-23"), fingerprint="f") as draft:
        lake.put_table(draft, articles)
    data = Path(config.data)
    put(data, IDS[0], (10, 20, 30))
    put(data, IDS[1], (200, 100, 50))
    (data / image_path(IDS[2])).parent.mkdir()
    (data / image_path(IDS[2])).write_bytes(b"")
    (data / image_path(IDS[3])).parent.mkdir()
    (data / image_path(IDS[3])).write_bytes(b"<html>")
    put(data, IDS[4], "white", size=(400, 400))
    return data


def put(data: Path, article_id: str, colour: object, size: tuple[int, int] = (30, 40)) -> None:
    path = data / image_path(article_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=100)


def run(config: Config, *more: str) -> int:
    return main(
        [
            "--run-date=2020-09-23", "--env=test", f"--data={config.data}",
            f"--lake={config.lake}", f"--set=state={config.state}",
            "--set=images.max_pixels=100000", *more,
        ]
    )  # fmt: skip


def arrays(lake: Lake) -> dict[str, np.ndarray]:
    with lake.local_path(VECTORS) as path:
        pca = np.load(path / "pca.npz")
        return {
            **{n: np.load(path / f"{n}.npy") for n in ("embeddings", "article_keys", "reduced")},
            **{name: pca[name] for name in pca.files},
        }


def test_vectors_are_written_by_article_and_the_broken_set_aside(config, lake, folder, network):
    assert run(config) == 0
    found = arrays(lake)
    assert {name: (value.shape, str(value.dtype)) for name, value in found.items()} == {
        "embeddings": ((2, 2048), "float32"),
        "article_keys": ((2,), "int32"),
        "reduced": ((2, 1), "float32"),
        "mean": ((2048,), "float32"),
        "components": ((1, 2048), "float32"),
        "explained_variance_ratio": ((1,), "float32"),
    }
    assert found["article_keys"].tolist() == [2, 3]
    np.testing.assert_allclose(found["embeddings"][:, :3], [[10, 20, 30], [200, 100, 50]], atol=1.5)
    assert lake.read(REJECTED).to_pylist() == [
        {"reason": reason, "file": image_path(article_id), "line": article_id}
        for article_id, reason in zip(
            IDS[2:],
            ["image_empty", "not_an_image", "image_too_large", "image_missing"],
            strict=True,
        )
    ]


def test_the_manifest_says_what_the_vectors_are_of(config, lake, folder, network):
    assert run(config, "--report=report.json") == 0
    manifest = lake.require(VECTORS)
    assert manifest.rows == 2
    assert manifest.counts == {"embedded": 2, "reused": 0}
    assert manifest.notes["weights"] == "random"
    assert manifest.notes["components"] == 1
    assert lake.require(REJECTED).counts == {
        "image_empty": 1,
        "not_an_image": 1,
        "image_too_large": 1,
        "image_missing": 1,
    }
    report = json.loads(Path(config.lake, "report.json").read_text())
    assert report["status"] == "written"
    assert [output["dataset"] for output in report["outputs"]] == [
        "images.embeddings",
        "rejected.images",
    ]


def test_the_page_shows_the_run_and_the_report_says_where_it_is(config, lake, folder, network):
    assert run(config, "--report=report.json") == 0
    facts = json.loads(Path(config.lake, "report.json").read_text())["facts"]
    assert facts["page"] == f"{config.lake}/reports/images/2020-09-23.html"
    page = Path(facts["page"]).read_text()
    for part in ("1 components hold 100.0 %", "image_truncated", "image_empty", IDS[2], "random"):
        assert (part in page) == (part != "image_truncated"), part
    assert page.count("data:image/jpeg;base64,") == 4  # two articles, each with the other
    assert {"decode_seconds", "engine_seconds", "images_per_second"} <= set(facts)


def test_another_precision_embeds_everything_again(config, lake, folder, network, monkeypatch):
    monkeypatch.setattr("recsys.images.engines.choose.has_bfloat16", lambda: True)
    assert run(config) == 0
    assert lake.require(VECTORS).notes["engine"] == "openvino-cpu-bfloat16"
    assert run(config, "--set=images.reduced=false") == 0
    assert lake.require(VECTORS).counts == {"embedded": 2, "reused": 0}
    assert lake.require(VECTORS).notes["engine"] == "openvino-cpu-float32"
    assert run(config, "--set=images.reduced=false", "--set=images.workers=1") == 0
    assert network.embedded == 4


def test_a_second_run_does_nothing(config, lake, folder, network):
    assert run(config) == 0
    first = lake.require(VECTORS)
    assert run(config) == 0
    assert lake.require(VECTORS) == first
    assert (network.built, network.embedded) == (1, 2)


def test_only_new_and_changed_images_are_embedded(config, lake, folder, network):
    assert run(config) == 0
    put(folder, IDS[1], (0, 0, 90))
    put(folder, IDS[5], (90, 0, 0))
    assert run(config) == 0
    assert network.embedded == 4
    assert lake.require(VECTORS).counts == {"embedded": 2, "reused": 1}
    found = arrays(lake)
    assert found["article_keys"].tolist() == [2, 3, 7]
    np.testing.assert_allclose(
        found["embeddings"][:, :3], [[10, 20, 30], [0, 0, 90], [90, 0, 0]], atol=1.5
    )


def test_an_image_that_went_away_loses_its_vector_without_the_network(
    config, lake, folder, network
):
    assert run(config) == 0
    (folder / image_path(IDS[0])).unlink()
    assert run(config) == 0
    assert network.built == 1
    assert arrays(lake)["article_keys"].tolist() == [3]
    assert arrays(lake)["reduced"].shape == (1, 0)


def test_other_weights_embed_everything_again(config, lake, folder, network):
    assert run(config) == 0
    assert run(config, "--set=seed=5") == 0
    assert network.embedded == 4
    assert lake.require(VECTORS).counts == {"embedded": 2, "reused": 0}


def test_force_embeds_everything_again(config, lake, folder, network):
    assert run(config) == 0
    assert run(config, "--force") == 0
    assert network.embedded == 4


def test_no_images_folder_gives_an_empty_partition(config, lake, folder, network):
    (folder / "images").rename(folder / "elsewhere")
    assert run(config) == 0
    assert {name: value.shape for name, value in arrays(lake).items()} == {
        "embeddings": (0, 2048),
        "article_keys": (0,),
        "reduced": (0, 0),
        "mean": (2048,),
        "components": (0, 2048),
        "explained_variance_ratio": (0,),
    }
    assert network.built == 0
    assert lake.require(VECTORS).notes["has_folder"] is False
    assert lake.read(REJECTED).num_rows == 0


def test_weights_that_are_not_there_are_a_configuration_error(config, lake, folder, capfd):
    assert run(config, "--set=images.weights=/nowhere/weights.h5") == 3
    error = capfd.readouterr().err
    assert "There is no /nowhere/weights.h5" in error
    assert "Traceback" not in error
    assert lake.manifest(VECTORS) is None


def test_without_the_catalogue_the_job_says_what_to_run(config, capfd):
    assert run(config) == 2
    assert "run clean_catalogue first" in capfd.readouterr().err


@pytest.mark.tensorflow
def test_the_real_network_embeds_through_the_job(config, lake, folder):
    assert run(config, "--set=images.batch_size=2") == 0
    vectors = arrays(lake)["embeddings"]
    assert vectors.shape == (2, 2048)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors).sum() > 0
