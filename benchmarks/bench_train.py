"""How fast the models train, beside tensorflow-recommenders, and an epoch of H&M's size.

Usage: python -m benchmarks.bench_train [--share 1] [--positives 131072] [--epochs 3] [--work F]

All data are synthetic (see `train.synthetic`): 105,542 articles, 1,371,980 customers with histories
of up to 64 articles, and the 3.3 million positives of 12 weekly snapshots, with 4 negatives each.

1. Full size: examples are prepared and an epoch is trained in one process; where an epoch takes
   more than six minutes, the batches of six minutes, scaled. Reading the lake is not part of it.
2. Beside tensorflow-recommenders: a sample of those positives, with all customers that bought and
   all articles, through this project's `Trainer` and through the library's two-tower model in an
   environment of its own (see `train.peer_tfrs`), one process after the other. Counted are
   positives a second: a pair of a customer and an article bought. Both have embeddings and vectors
   of 32, towers of 128 units, batches of 1,024, Adam, float32. Of each positive this project also
   reads the history, scores four sampled negatives and trains the ranker; the library's model has
   an embedding for each customer instead, all of whose moments Adam moves at every step.

Writes `results/train.json`, with all raw seconds of epochs after some steps of warming up:

- `ratio_to_tfrs`: positives a second, towers and ranker, by the library's with Adam, of the median
  epochs; `ratio_to_tfrs_towers_only`: the same with `model.ranking_weight=0`, which leaves the
  ranker out; `ratio_to_tfrs_adagrad`: towers and ranker by the library's with Adagrad, which its
  tutorials use: it moves only the rows that a batch touches;
- `peak_gib` of the process tree and `full_size_epoch_s`, of 1.

No time to a given quality is measured: synthetic examples hold nothing to learn.
"""

import argparse
import json
import statistics
import sys
import tempfile
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import GIB, REPOSITORY, Measured, measure, write_result
from benchmarks.train.synthetic import Size

#: Where the library's environment is made, once.
PEER_ENVIRONMENT = REPOSITORY / ".recsys" / "bench-tfrs"
PEER_PACKAGES = ("tensorflow==2.21.0", "tf_keras==2.21.0", "tensorflow-recommenders==0.7.7")
OPTIMIZERS = ("adam", "adagrad")


def summarise(full: dict[str, Any], seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return the headline figures of all raw ones; see the module's docstring.

    Args:
        full: has `epoch_s` and `peak_bytes`.
        seconds: of epochs on the same positives, by `towers_and_ranker`, `towers_only`, `tfrs_adam`
            and `tfrs_adagrad`.
    """
    median = {name: statistics.median(epochs) for name, epochs in seconds.items()}
    return {
        "ratio_to_tfrs": round(median["tfrs_adam"] / median["towers_and_ranker"], 2),
        "ratio_to_tfrs_towers_only": round(median["tfrs_adam"] / median["towers_only"], 2),
        "ratio_to_tfrs_adagrad": round(median["tfrs_adagrad"] / median["towers_and_ranker"], 2),
        "peak_gib": round(full["peak_bytes"] / GIB, 2),
        "full_size_epoch_s": full["epoch_s"],
    }


def main(argv: list[str] | None = None) -> int:
    """Run both parts, print and write the result."""
    args = _parse(argv)
    size = _size(args.share)
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        found = _ours("full", work, "--size", json.dumps(asdict(size)))
        full = {**_read(work), "peak_bytes": found.peak_bytes}
        _say(f"full size: {full}")
        _sample(work, min(args.positives, size.positives))
        _ours("compare", work, "--epochs", str(args.epochs))
        seconds: dict[str, list[float]] = _read(work)
        python = peer_python(PEER_ENVIRONMENT)
        for optimizer in OPTIMIZERS:
            _peer(python, work, optimizer, args.epochs)
            seconds[f"tfrs_{optimizer}"] = _read(work)
    positives = min(args.positives, size.positives)
    result = summarise(full, seconds)
    _say(json.dumps(result, indent=2))
    compared = {
        "positives": positives,
        "seconds": seconds,
        "positives_per_second": {
            name: round(positives / statistics.median(epochs)) for name, epochs in seconds.items()
        },
    }
    command = f"python -m benchmarks.bench_train --share {args.share:g} --positives {positives}"
    raw = {"full_size": full, "compared": compared, "peer": PEER_PACKAGES}
    write_result("train", {**result, **raw}, command=f"{command} --epochs {args.epochs}")
    return 0


def peer_python(folder: Path) -> Path:
    """Return the interpreter of an environment with the library in it; makes it where missing."""
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists() or done.read_text() != "\n".join(PEER_PACKAGES):
        venv.create(folder, clear=True, with_pip=True)
        measure([str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES])
        done.write_text("\n".join(PEER_PACKAGES))
    return python


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench_train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--share", type=float, default=1.0, help="of H&M's customers and positives")
    parser.add_argument("--positives", type=int, default=131_072, help="of the comparison")
    parser.add_argument("--epochs", type=int, default=3, help="of the comparison")
    parser.add_argument("--work", type=Path, help="folder to keep (default: temporary)")
    return parser.parse_args(argv)


def _size(share: float) -> Size:
    whole = Size()
    return Size(customers=int(whole.customers * share), positives=int(whole.positives * share))


def _sample(work: Path, positives: int) -> None:
    """Write which positives both sides train on."""
    count = len(np.load(work / "customer_rows.npy", mmap_mode="r"))
    rows = np.random.default_rng(1).choice(count, min(positives, count), replace=False)
    np.save(work / "rows.npy", np.sort(rows))


def _ours(what: str, work: Path, *arguments: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.train.ours", what, *_files(work), *arguments]
    path = f"{REPOSITORY / 'include'}:{REPOSITORY}"
    return measure(command, env={"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"})


def _peer(python: Path, work: Path, optimizer: str, epochs: int) -> None:
    script = str(REPOSITORY / "benchmarks" / "train" / "peer_tfrs.py")
    flags = ["--optimizer", optimizer, "--epochs", str(epochs)]
    measure([str(python), script, *_files(work), *flags], env={"TF_CPP_MIN_LOG_LEVEL": "2"})


def _files(work: Path) -> Sequence[str]:
    return "--folder", str(work), "--out", str(work / "found.json")


def _read(work: Path) -> Any:
    return json.loads((work / "found.json").read_text())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
