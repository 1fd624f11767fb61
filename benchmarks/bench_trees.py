"""How fast trees score candidates, beside LightGBM's own prediction.

Usage: python -m benchmarks.bench_trees [--rows 262144] [--rounds 5]

As many trees as a model of the defaults has for lists, in one booster, of 117 columns with a tenth
missing, score made-up rows on all cores, by either way in turn. Writes `results/trees.json`, with
all raw seconds:

- `ratio_to_lightgbm`: the median seconds of `Booster.predict` by those of `Forest.score`;
- `us_per_row`: of `Forest.score`; `lightgbm_us_per_row`: of the other;
- `equal`: whether all scores are the same to the last bit.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np

from benchmarks.measure import write_result
from recsys.config import TreesConfig
from recsys.models.forest import Floats, Forest
from recsys.models.trees import Rows, fit_trees

COLUMNS, LEARNED, LIST = 117, 100_000, 100


def made_up(rows: int, *, seed: int) -> Floats:
    """Return float32 [rows, COLUMNS], laid out by columns, a tenth of it NaN."""
    random = np.random.default_rng(seed)
    columns = random.standard_normal((COLUMNS, rows), dtype=np.float32)
    columns[random.random(columns.shape) < 0.1] = np.nan
    return columns.T


def learn() -> lgb.Booster:
    """Return trees that order lists in which the sum of ten columns says what is bought."""
    features = made_up(LEARNED, seed=1)
    wanted = np.nan_to_num(features[:, :10]).sum(axis=1)
    lists = np.full(LEARNED // LIST, LIST)
    rows, model = Rows(features, (wanted > 5).astype(np.int8), lists), TreesConfig()
    config = TreesConfig(boosters=1, trees=model.boosters * model.trees)
    return fit_trees([rows], config, seed=1)[0]


def main(argv: list[str] | None = None) -> int:
    """Score by both, print and write the result."""
    parser = argparse.ArgumentParser(
        prog="bench_trees", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rows", type=int, default=1 << 18)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args(argv)
    booster, features = learn(), made_up(args.rows, seed=2)
    forest = Forest.of(booster)
    equal = np.array_equal(forest.score(features), booster.predict(features, raw_score=True))
    seconds: dict[str, list[float]] = {"ours": [], "lightgbm": []}
    for _ in range(args.rounds):
        seconds["ours"].append(_seconds(lambda: forest.score(features)))
        seconds["lightgbm"].append(_seconds(lambda: booster.predict(features, raw_score=True)))
    median = {name: statistics.median(rounds) for name, rounds in seconds.items()}
    result = {
        "ratio_to_lightgbm": round(median["lightgbm"] / median["ours"], 2),
        "us_per_row": round(median["ours"] / args.rows * 1e6, 3),
        "lightgbm_us_per_row": round(median["lightgbm"] / args.rows * 1e6, 3),
        "equal": bool(equal),
        "trees": booster.num_trees(),
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    command = f"python -m benchmarks.bench_trees --rows {args.rows} --rounds {args.rounds}"
    write_result("trees", {**result, "seconds": seconds}, command=command)
    return 0


def _seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return round(time.perf_counter() - started, 4)


if __name__ == "__main__":
    sys.exit(main())
