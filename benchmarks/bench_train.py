"""How fast the models train, beside tensorflow-recommenders, and an epoch of H&M's size.

Usage: python -m benchmarks.bench_train [--share 1] [--positives 131072] [--rounds 3]
    [--epochs 3] [--learning-epochs 8] [--work F]

Data of the first two parts are synthetic (see `train.synthetic`): 105,542 articles, 1,371,980
customers with histories of up to 64 articles, and the 3.3 million positives of 12 weekly snapshots,
with 4 negatives each.

1. Full size: examples are prepared and an epoch is trained in one process; where an epoch takes
   more than six minutes, the batches of six minutes, scaled. Reading the lake is not part of it.
2. Beside tensorflow-recommenders: all positives of a sample of customers, each of a week, with all
   customers that bought and all articles, through this project's `Trainer` and through the
   library's two-tower model in an environment of its own (see `train.peer_tfrs`), in turn, each
   round a process. Counted are positives a second: a pair of a customer and an article bought.
   Both have embeddings and vectors of 32, towers of 128 units, batches of 1,024, Adam, float32. Of
   each positive this project also scores four sampled negatives and trains the ranker, and of its
   customer it reads the history; the library's model has an embedding for each customer instead,
   all of whose moments Adam moves at every step.
3. How soon both recommend well (see `train.learning`): real purchases, The Complete Journey before
   2017-12-04. After each epoch the towers of each side make lists for customers of the week after
   the last one trained on; the time is that of the epochs until their NDCG@12 is 95 % of the least
   best of the sides.

Writes `results/train.json`, with all raw seconds of epochs after some steps of warming up:

- `ratio_to_tfrs`: positives a second by the library's with Adam, of the median epochs, two towers
  on both sides: `model.ranking_weight=0` leaves the ranker out here; `ratio_to_tfrs_with_ranker`:
  with the ranker trained as well, as by default, which the library's model has none of;
  `ratio_to_tfrs_adagrad`, `ratio_to_tfrs_adagrad_with_ranker`: the same by the library's with
  Adagrad, which its tutorials use: it moves only the rows that a batch touches;
- `peak_gib` of the process tree and `full_size_epoch_s`, of 1;
- `ndcg` and `seconds_to_ndcg`, of 3.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_quality import CUTS, make_examples
from benchmarks.measure import GIB, REPOSITORY, Measured, environment, measure, write_result
from benchmarks.quality.completejourney import convert, downloaded
from benchmarks.train.learning import Judge, seconds_to
from benchmarks.train.synthetic import Size

#: Where the library's environment is made, once.
PEER_ENVIRONMENT = REPOSITORY / ".recsys" / "bench-tfrs"
PEER_PACKAGES = ("tensorflow==2.21.0", "tf_keras==2.21.0", "tensorflow-recommenders==0.7.7")
OPTIMIZERS = ("adam", "adagrad")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
OURS = QUIET | {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}"}
#: Of the least best NDCG of all sides: what each must reach.
SHARE_OF_BEST = 0.95


def summarise(full: dict[str, Any], seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return the headline figures of all raw ones; see the module's docstring.

    Args:
        full: has `epoch_s` and `peak_bytes`.
        seconds: of epochs on the same positives, by `towers_and_ranker`, `towers_only`, `tfrs_adam`
            and `tfrs_adagrad`.
    """
    median = {name: statistics.median(epochs) for name, epochs in seconds.items()}
    ratios = {
        name + suffix: round(median[peer] / median[ours], 2)
        for name, peer in (
            ("ratio_to_tfrs", "tfrs_adam"), ("ratio_to_tfrs_adagrad", "tfrs_adagrad")
        )
        for suffix, ours in (("", "towers_only"), ("_with_ranker", "towers_and_ranker"))
    }  # fmt: skip
    return {
        **ratios,
        "peak_gib": round(full["peak_bytes"] / GIB, 2),
        "full_size_epoch_s": full["epoch_s"],
    }


def summarise_learning(curves: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return the NDCG to reach and each side's seconds to it, of each side's epochs."""
    ndcg = SHARE_OF_BEST * min(max(curve["ndcg"]) for curve in curves.values())
    seconds = {side: seconds_to(ndcg, curve) for side, curve in curves.items()}
    return {"ndcg": round(ndcg, 5), "seconds_to_ndcg": seconds}


def main(argv: list[str] | None = None) -> int:
    """Run all parts, print and write the result."""
    args = _parse(argv)
    size = _size(args.share)
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        found = _ours("full", work, "--size", json.dumps(asdict(size)))
        full = {**_read(work), "peak_bytes": found.peak_bytes}
        _say(f"full size: {full}")
        _sample(work, min(args.positives, size.positives))
        python = environment(PEER_ENVIRONMENT, PEER_PACKAGES)
        seconds: dict[str, list[float]] = defaultdict(list)
        for _ in range(args.rounds):
            for name, epochs in _compare(work, python, args.epochs).items():
                seconds[name] += epochs
        curves = _learn(work / "learning", python, args.learning_epochs)
    positives = min(args.positives, size.positives)
    result = summarise(full, seconds) | summarise_learning(curves)
    _say(json.dumps(result, indent=2))
    compared = {
        "positives": positives,
        "seconds": seconds,
        "positives_per_second": {
            name: round(positives / statistics.median(epochs)) for name, epochs in seconds.items()
        },
    }
    command = f"python -m benchmarks.bench_train --share {args.share:g} --positives {positives}"
    command += f" --rounds {args.rounds} --epochs {args.epochs}"
    command += f" --learning-epochs {args.learning_epochs}"
    raw = {"full_size": full, "compared": compared, "learning": curves, "peer": PEER_PACKAGES}
    write_result("train", {**result, **raw}, command=command)
    return 0


def _compare(work: Path, python: Path, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of each side's epochs, one side after the other."""
    _ours("compare", work, "--epochs", str(epochs))
    seconds: dict[str, list[float]] = _read(work)
    for optimizer in OPTIMIZERS:
        _peer(python, work, optimizer, epochs)
        seconds[f"tfrs_{optimizer}"] = _read(work)
    return seconds


def _learn(folder: Path, python: Path, epochs: int) -> dict[str, dict[str, list[float]]]:
    """Return each side's seconds of every epoch, and the NDCG after it."""
    cut = CUTS[0]
    with downloaded() as source:
        convert(source, folder / cut, cut=cut)
    make_examples(folder / cut, cut)
    module = [sys.executable, "-m", "benchmarks.train.learning"]
    where = ["--lake", str(folder / cut / "lake"), "--run-date", cut, "--folder", str(folder)]
    measure([*module, "prepare", *where], env=OURS)
    measure([*module, "train", *_files(folder), "--epochs", str(epochs)], env=OURS)
    curves = {"this": _read(folder)}
    judge = Judge.load(folder)
    for optimizer in OPTIMIZERS:
        _peer(python, folder, optimizer, epochs, "--vectors", str(folder))
        ndcg = [
            judge.ndcg(*(np.load(folder / f"{epoch}-{n}.npy") for n in ("customers", "articles")))
            for epoch in range(epochs)
        ]
        curves[f"tfrs_{optimizer}"] = {"seconds": _read(folder), "ndcg": ndcg}
    return curves


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench_train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--share", type=float, default=1.0, help="of H&M's customers and positives")
    parser.add_argument("--positives", type=int, default=131_072, help="of the comparison")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison")
    parser.add_argument("--epochs", type=int, default=3, help="of each round and side")
    parser.add_argument("--learning-epochs", type=int, default=8, help="of each side, to an NDCG")
    parser.add_argument("--work", type=Path, help="folder to keep (default: temporary)")
    return parser.parse_args(argv)


def _size(share: float) -> Size:
    whole = Size()
    return Size(customers=int(whole.customers * share), positives=int(whole.positives * share))


def _sample(work: Path, positives: int) -> None:
    """Write which positives both sides train on: all of a week's, of customers drawn at random."""
    customers = np.load(work / "customer_rows.npy")
    turns = np.random.default_rng(1).permutation(customers.max() + 1)
    rows = np.argsort(turns[customers], kind="stable")[:positives]
    np.save(work / "rows.npy", np.sort(rows))


def _ours(what: str, work: Path, *arguments: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.train.ours", what, *_files(work), *arguments]
    return measure(command, env=OURS)


def _peer(python: Path, work: Path, optimizer: str, epochs: int, *more: str) -> None:
    script = str(REPOSITORY / "benchmarks" / "train" / "peer_tfrs.py")
    flags = ["--optimizer", optimizer, "--epochs", str(epochs), *more]
    measure([str(python), script, *_files(work), *flags], env=QUIET)


def _files(work: Path) -> Sequence[str]:
    return "--folder", str(work), "--out", str(work / "found.json")


def _read(work: Path) -> Any:
    return json.loads((work / "found.json").read_text())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
