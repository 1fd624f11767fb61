"""How fast images become vectors, by every engine of this machine beside plain Keras.

Usage: python -m benchmarks.bench_images [--photographs 500] [--images 400 1200]
    [--weights FILE | --trained]

Photographs of H&M's size (1166 x 1750, JPEG) are drawn, or are pieces of the two of scikit-learn.
ResNet152 has the weights of a file, or trained ones (see `images.trained`); else random weights
whose batch normalisations were fitted to 32 of the photographs, as those of a trained network are.
These are a hard test: a random network enlarges from layer to layer what two inputs differ by.
Every way is a process of its own:

- plain Keras: `model.predict` in float32, batches of 32, of decoded photographs;
- each engine, of the same: images a second, and the cosine of each vector to that of plain Keras;
- the best engine behind the whole pipeline: files are listed, read, decoded, embedded, and laid out
  as `.npy` with their PCA, for each number of images; ready tensors again right before and after.

Writes `results/images.json`:

- `speedup_over_keras_fp32`: the best engine's images a second by plain Keras's, of ready tensors;
- `pipeline_efficiency`: images a second from files to shards on disk, by those of ready tensors
  around it, with most images; `whole_` figures also count the listing and the PCA;
- both also by the milliseconds of a core that an image takes, which other work on the machine
  changes less than the seconds;
- `min_cosine`, `mean_cosine`: the worst of all engines; `centred`: of vectors less their mean,
  which tells more, since all of them have much in common; `random_weights`: of those that
  `images.weights=random` makes, and some photographs;
- `peak_gib` of the pipeline's process, with most images; by number of images under `pipeline`.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.images.photographs import read_pixels, write_photographs
from benchmarks.images.trained import write_trained
from benchmarks.images.ways import CALIBRATED
from benchmarks.measure import GIB, REPOSITORY, measure, write_result
from recsys.images.engines.choose import Choice, Name, Precision, has_bfloat16

ENGINES: tuple[Name, ...] = ("openvino", "tensorflow")
#: So many photographs are also embedded with random weights.
RANDOM = 64


def main(argv: list[str] | None = None) -> int:
    """Run all ways, print and write the result."""
    parser = argparse.ArgumentParser(
        prog="bench_images", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--photographs", type=int, default=500, help="different ones")
    parser.add_argument("--images", type=int, nargs="+", default=[400, 1200], help="files, each")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", type=Path, help="a file with the network's weights")
    weights.add_argument("--trained", action="store_true", help="those of `images.trained`")
    args = parser.parse_args(argv)
    load = {"load_average_before": os.getloadavg()}
    with tempfile.TemporaryDirectory() as name:
        folder, images, used = Path(name), sorted(args.images), args.weights
        if args.trained:
            write_trained(used := folder / "trained.weights.h5")
        result = run(folder, used, photographs=args.photographs, images=images)
    load["load_average_after"] = os.getloadavg()
    numbers = " ".join(map(str, args.images))
    command = (
        f"python -m benchmarks.bench_images --photographs {args.photographs} --images {numbers}"
    )
    if args.trained:
        command += " --trained"
    if args.weights:
        command += f" --weights {args.weights.name}"
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    write_result("images", {**result, **load}, command=command)
    return 0


def run(
    folder: Path, weights: Path | None, *, photographs: int, images: list[int]
) -> dict[str, Any]:
    """Return the figures; the folder is filled with what they need."""
    files = max(photographs, *images)
    size = write_photographs(folder / "data", different=photographs, files=files)
    np.save(folder / "pixels.npy", read_pixels(folder / "data", photographs))
    _say(f"{files} files of {photographs} photographs, {size / 1000:.0f} kB each")
    if weights is None:
        _child(folder, "calibrate")
    used = str(weights.resolve() if weights else folder / CALIBRATED)
    precisions: list[Precision] = ["bfloat16", "float32"] if has_bfloat16() else ["float32"]
    names = [Choice(e, "cpu", p).numerics for e in ENGINES for p in precisions]
    engines = _compared(folder, names, used, photographs)
    random = _compared(folder, names, "random", min(RANDOM, photographs))
    keras = engines.pop("keras")
    best = max(engines, key=lambda name: engines[name]["images_per_second"])
    piped = {str(n): _child(folder, "pipeline", best, used, n) for n in images}
    return {
        **summarise(engines, keras, piped, best=best),
        "best_engine": best,
        "weights": "calibrated" if weights is None else weights.name,
        "photographs": photographs,
        "file_bytes": round(size),
        "keras": keras,
        "engines": engines,
        "random_weights": {n: _cosines(e) for n, e in random.items() if n != "keras"},
        "pipeline": piped,
    }


def summarise(
    engines: dict[str, dict[str, float]],
    keras: dict[str, float],
    piped: dict[str, dict[str, float]],
    *,
    best: str,
) -> dict[str, float]:
    """Return the figures at the top; see the module's docstring."""
    most, fastest = piped[max(piped, key=int)], engines[best]
    speed, cores = "images_per_second", "core_ms_per_image"
    return {
        "speedup_over_keras_fp32": round(fastest[speed] / keras[speed], 2),
        "speedup_by_core_time": round(keras[cores] / fastest[cores], 2),
        "pipeline_efficiency": round(most[speed] / most[f"ready_{speed}"], 3),
        "pipeline_efficiency_by_core_time": round(most[f"ready_{cores}"] / most[cores], 3),
        "min_cosine": min(engine["min_cosine"] for engine in engines.values()),
        "mean_cosine": min(engine["mean_cosine"] for engine in engines.values()),
        "peak_gib": most["peak_gib"],
    }


def compare(vectors: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return the least and the mean cosine of pairs of rows, as they are and less their mean."""
    centre = expected.mean(axis=0)
    found = {"": _cosine(vectors, expected)}
    found["centred_"] = _cosine(vectors - centre, expected - centre)
    return {
        f"{name}{word}_cosine": round(float(value), 6)
        for name, cosines in found.items()
        for word, value in (("min", cosines.min()), ("mean", cosines.mean()))
    }


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


def _compared(
    folder: Path, names: list[str], weights: str, count: int
) -> dict[str, dict[str, float]]:
    """Return each engine's speed and its cosines to plain Keras, which is first."""
    found = {name: _child(folder, "tensors", name, weights, count) for name in ("keras", *names)}
    expected = np.load(folder / "vectors-keras.npy")
    for name in names:
        found[name] |= compare(np.load(folder / f"vectors-{name}.npy"), expected)
    return found


def _cosines(engine: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in engine.items() if name.endswith("_cosine")}


def _child(folder: Path, command: str, *arguments: str | int) -> dict[str, float]:
    """Return what one way wrote, and its peak memory."""
    argv = ["-m", "benchmarks.images.ways", command, str(folder), *map(str, arguments)]
    path = f"{REPOSITORY / 'include'}:{REPOSITORY}"
    measured = measure([sys.executable, *argv], env={"PYTHONPATH": path})
    found: dict[str, float] = {}
    if arguments:
        text = (folder / f"{command}-{arguments[0]}.json").read_text(encoding="utf-8")
        found = json.loads(text) | {"peak_gib": round(measured.peak_bytes / GIB, 2)}
    _say(f"{command} {' '.join(map(str, arguments))}: {measured.seconds} s {found}")
    return found


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
