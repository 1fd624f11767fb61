"""This project's training on synthetic examples, timed. `bench_train` runs it as a process.

Usage: python -m benchmarks.train.ours full|compare --folder F --out F.json [--set name=value ...]

`full` draws the examples, keeps them as .npy files in the folder, and trains an epoch, or the
share of its batches that fits the time. `compare` trains on a sample of the kept ones, with the
ranker and without.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.train.synthetic import Size, draw_examples
from recsys.config import ModelConfig
from recsys.examples.encode import Encoder
from recsys.models.batches import Examples, batches
from recsys.models.network import Recommender
from recsys.models.train import network_shape
from recsys.models.trainer import BATCHES_A_CALL, Trainer

SEED = 1
#: Steps before the clock starts: they trace and compile the step.
WARM_UP = 3


def full(size: Size, folder: Path, *, most_seconds: float) -> dict[str, Any]:
    """Prepare and keep the examples; return what an epoch on all of them takes."""
    started = time.monotonic()
    examples, encoder, customers = draw_examples(size, SEED)
    prepare_s = time.monotonic() - started
    keep(examples, encoder, customers, folder)
    config = ModelConfig()
    trainer = make_trainer(examples, encoder, config)
    plan = list(batches(examples, config.batch_size, np.random.default_rng(SEED)))
    trainer.run(plan[:WARM_UP])
    started, done = time.monotonic(), 0
    while done < len(plan):
        part = plan[done : done + BATCHES_A_CALL]
        trainer.run(part)
        done += len(part)
        if time.monotonic() - started > most_seconds:
            break
    seconds = time.monotonic() - started
    return {
        "size": asdict(size),
        "buyers": int(customers.max()) + 1,
        "parameters": trainer.network.count_params(),
        "batch_size": config.batch_size,
        "prepare_s": round(prepare_s, 1),
        "batches": len(plan),
        "batches_timed": done,
        "seconds_timed": round(seconds, 2),
        "epoch_s": round(seconds * len(plan) / done, 1),
    }


def compare(folder: Path, rows: Any, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of each epoch on the positives `rows`, with the ranker and without."""
    examples, encoder = kept(folder)
    picked = {
        name: getattr(examples, name)[rows]
        for name in ("customer_rows", "snapshots", "articles", "interactions")
    }
    examples = replace(examples, **picked)
    configs = {
        "towers_and_ranker": ModelConfig(),
        "towers_only": ModelConfig(ranking_weight=0),
    }
    seconds = {}
    for name, config in configs.items():
        trainer = make_trainer(examples, encoder, config)
        trainer.run(list(islice(batches(examples, config.batch_size, trainer.generator), WARM_UP)))
        seconds[name] = [round(trainer.run_epoch()["seconds"], 2) for _ in range(epochs)]
    return seconds


def make_trainer(examples: Examples, encoder: Encoder, config: ModelConfig) -> Trainer:
    """Return a new trainer, set up as `recsys.models.train.train` does."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    network = Recommender(network_shape(examples, encoder, config))
    return Trainer(network, examples, config, seed=SEED)


def keep(examples: Examples, encoder: Encoder, customers: Any, folder: Path) -> None:
    """Write every array as .npy, whose each positive is, and the encoder."""
    for name, array in {**vars(examples), "customers": customers}.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "encoder.json").write_text(encoder.to_json(), encoding="utf-8")


def kept(folder: Path) -> tuple[Examples, Encoder]:
    """Return what `keep` wrote."""
    arrays = {f.name: np.load(folder / f"{f.name}.npy", mmap_mode="r") for f in fields(Examples)}
    return Examples(**arrays), Encoder.from_json((folder / "encoder.json").read_text())


def main(argv: list[str] | None = None) -> int:
    """Run one of both and write its figures as JSON."""
    parser = argparse.ArgumentParser(prog="ours", description=__doc__)
    parser.add_argument("what", choices=("full", "compare"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=json.loads, default={}, help="JSON of Size")
    parser.add_argument("--most-seconds", type=float, default=360)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args(argv)
    if args.what == "full":
        found = full(Size(**args.size), args.folder, most_seconds=args.most_seconds)
    else:
        found = compare(args.folder, np.load(args.folder / "rows.npy"), args.epochs)
    args.out.write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
