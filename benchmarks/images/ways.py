"""One way of embedding, in a process of its own.

Usage: python -m benchmarks.images.ways calibrate FOLDER
       python -m benchmarks.images.ways tensors FOLDER WAY WEIGHTS COUNT
       python -m benchmarks.images.ways pipeline FOLDER WAY WEIGHTS COUNT

FOLDER has `pixels.npy` and `data/`. WAY is `keras`, or an engine's numerics. WEIGHTS is `random` or
a file. What comes out is `FOLDER/<command>-<way>.json`, and vectors in `.npy`.
"""

import json
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from benchmarks.images.photographs import MAX_PIXELS, article_id
from recsys.config import Config, ImagesConfig
from recsys.images.embed import embed_missing
from recsys.images.engines.choose import Choice
from recsys.images.engines.engine import Engine
from recsys.images.inventory import ImageFolder, take_inventory
from recsys.images.layout import write_vectors
from recsys.images.resnet import load_network
from recsys.images.store import VectorStore
from recsys.images.weights import Weights

CALIBRATED = "calibrated.weights.h5"
SEED = Config().seed
CONFIG = ImagesConfig(max_pixels=MAX_PIXELS)
#: Ready tensors before and after the pipeline, to hold its speed against.
AROUND = 256


def calibrate(folder: Path) -> None:
    """Write weights whose batch normalisations know the photographs' means and variances.

    Those of a trained network do too. Random weights alone let what a layer says fade or grow from
    block to block, so that all images look nearly alike at the end.
    """
    import keras

    network = load_network(Weights("random", "random"), seed=SEED)
    resnet = network.get_layer("resnet152")
    for layer in resnet.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable, layer.momentum = True, 0.0
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    network(pixels[np.linspace(0, len(pixels) - 1, 32).astype(int)], training=True)
    resnet.save_weights(folder / CALIBRATED)


def tensors(folder: Path, way: str, weights: str, count: int) -> dict[str, float]:
    """Embed tensors that are ready; return images a second, and the seconds to start."""
    pixels = np.load(folder / "pixels.npy")[:count]
    started = time.perf_counter()
    if way == "keras":
        embed = partial(_network(weights).predict, batch_size=CONFIG.batch_size, verbose=0)
    else:
        embed = partial(_embed, _engine(way, weights))
    embed(pixels[: CONFIG.batch_size])
    start = time.perf_counter() - started
    clock = Clock()
    vectors = embed(pixels)
    found = clock.per_image(count)
    np.save(folder / f"vectors-{way}.npy", vectors)
    return {**found, "start_seconds": start}


class Clock:
    """Measures from when it is made: seconds, and those of all cores that this process had."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def per_image(self, count: int) -> dict[str, float]:
        """Return images a second, and the milliseconds of a core that each took."""
        seconds, cores = (
            now - then
            for now, then in zip(
                (time.perf_counter(), time.process_time()), self._started, strict=True
            )
        )
        return {"images_per_second": count / seconds, "core_ms_per_image": 1000 * cores / count}


def pipeline(folder: Path, way: str, weights: str, count: int) -> dict[str, float]:
    """Embed files as the job does, into a folder of `.npy`; ready tensors before and after."""
    pixels = np.load(folder / "pixels.npy")[:AROUND]
    engine = _engine(way, weights)
    _embed(engine, pixels[: engine.batch_size])
    before = _ready(engine, pixels)
    articles = pa.table(
        {
            "article_key": pa.array(range(2, count + 2), pa.int32()),
            "article_id": [article_id(number) for number in range(count)],
        }
    )
    images, store = ImageFolder(str(folder / "data")), VectorStore(folder / "scratch")
    whole = Clock()
    inventory = take_inventory(images, articles)
    clock, logger = Clock(), logging.getLogger()
    run = embed_missing(inventory, images, store, lambda: engine, config=CONFIG, logger=logger)
    found = clock.per_image(count)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    write_vectors(out, inventory, store, CONFIG)
    found |= {f"whole_{name}": value for name, value in whole.per_image(count).items()}
    store.clear()
    after = _ready(engine, pixels)
    found |= {f"ready_{name}": (before[name] + after[name]) / 2 for name in before}
    return {"images": len(inventory.images), **run.facts(), **found}


def _network(weights: str) -> Any:
    return load_network(Weights(weights, weights), seed=SEED)


def _engine(way: str, weights: str) -> Engine:
    choice = Choice(*cast(Any, way.split("-")))
    return choice.build(lambda: _network(weights), batch_size=CONFIG.batch_size)


def _embed(engine: Engine, pixels: np.ndarray) -> np.ndarray:
    step = engine.batch_size
    return np.concatenate(
        [engine.embed(pixels[at : at + step]) for at in range(0, len(pixels), step)]
    )


def _ready(engine: Engine, pixels: np.ndarray) -> dict[str, float]:
    clock = Clock()
    _embed(engine, pixels)
    return clock.per_image(len(pixels))


def main(argv: list[str]) -> int:
    """Run one way and write what it came to."""
    command, folder = argv[0], Path(argv[1])
    if command == "calibrate":
        calibrate(folder)
        return 0
    run = {"tensors": tensors, "pipeline": pipeline}[command]
    found = run(folder, argv[2], argv[3], int(argv[4]))
    rounded = {name: round(value, 3) for name, value in found.items()}
    (folder / f"{command}-{argv[2]}.json").write_text(json.dumps(rounded), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
