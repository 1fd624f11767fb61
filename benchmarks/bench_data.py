"""Cleaning, features and examples at 1 %, 10 % and 100 % of H&M's size, beside DuckDB.

Usage: python -m benchmarks.bench_data [--scales 1 10 100] [--work folder] [--keep]

Prints seconds, rows a second, peak memory and output bytes by step, how time grows from size to
size, what one more day costs, and the ratio to DuckDB. Writes `results/data.json`:

- `ratio_to_duckdb`: clean_catalogue + clean_transactions + build_features, each a process of its
  own, by DuckDB's doing the same (see `peer_duckdb`), at the largest scale;
- `ratio_to_duckdb_aggregates`: the same without what DuckDB takes for popularity and co-purchases,
  which ours still makes;
- `increment_share`: the same jobs after a one-day drop, by the jobs on the full history;
- `growth_10_to_100`: the jobs at 100 % by the jobs at 10 %; null where one was not run;
- `peak_gib`: of the process tree of any job, at the largest scale.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import GIB, REPOSITORY, Measured, measure, write_result

CUSTOMERS, ARTICLES, TRANSACTIONS = 1_371_980, 105_542, 31_788_324
RUN_DATE, NEXT_DATE = "2020-09-23", "2020-09-24"
#: Eight training windows of 64 days hold the whole 70 % part.
SETTINGS = (
    "spark.driver_memory=8g", "examples.split.method=fractions", "examples.split.snapshot_days=64",
)  # fmt: skip
STEPS = (
    ("clean_catalogue",), ("clean_transactions",), ("build_features",),
    ("build_features", "--training"), ("build_examples",),
)  # fmt: skip
CORE = ("clean_catalogue", "clean_transactions", "build_features")
AGGREGATES = ("catalogue", "clean", "customers", "articles")


def run_scale(percent: float, folder: Path, *, training: bool) -> dict[str, Any]:
    """Simulate a size, run every step and the peer on it; return all figures."""
    data, lake = folder / "data", folder / "lake"
    simulate(data, share=percent / 100)
    rows = _lines(data / "transactions_train.csv")
    steps = {}
    for step in STEPS[: len(STEPS) if training else 3]:
        steps[" ".join(step)] = _measured(step, data, lake, RUN_DATE, rows)
    peer = _peer(data, folder / "duckdb")
    _add_day(data)
    increment = {step: _measured((step,), data, lake, NEXT_DATE, rows) for step in CORE}
    return {
        "rows": rows,
        "steps": steps,
        "duckdb": peer,
        "increment": increment,
        "lake_bytes": _bytes(lake),
    }


def simulate(data: Path, *, share: float) -> None:
    """Write raw files of a share of H&M's customers and transactions, without images."""
    _job(
        "simulate_dataset", "--out", str(data), "--customers", str(int(CUSTOMERS * share)),
        "--articles", str(int(ARTICLES * share**0.3)), "--images", "0",
        "--transactions", str(int(TRANSACTIONS * share)),
    )  # fmt: skip


def summarise(scales: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the headline figures of all sizes; see the module's docstring."""
    largest = scales[max(scales, key=float)]
    ours = _core(largest["steps"])
    theirs = {step: s for step, s in largest["duckdb"].items() if step != "peak_bytes"}
    measured = [*largest["steps"].values(), *largest["increment"].values()]
    both = "10" in scales and "100" in scales
    return {
        "ratio_to_duckdb": round(ours / sum(theirs.values()), 2),
        "ratio_to_duckdb_aggregates": round(ours / sum(theirs[step] for step in AGGREGATES), 2),
        "increment_share": round(_core(largest["increment"]) / ours, 3),
        "growth_10_to_100": round(ours / _core(scales["10"]["steps"]), 2) if both else None,
        "peak_gib": round(max(step["peak_bytes"] for step in measured) / GIB, 2),
    }


def main(argv: list[str] | None = None) -> int:
    """Run the sizes from small to large, print and write the result."""
    parser = argparse.ArgumentParser(prog="bench_data", description=__doc__)
    parser.add_argument("--scales", nargs="+", default=["1", "10", "100"], metavar="PERCENT")
    parser.add_argument("--work", type=Path, help="folder for data and lakes (default: temporary)")
    parser.add_argument("--keep", action="store_true", help="keep data and lakes")
    parser.add_argument("--no-training", action="store_true", help="without training examples")
    args = parser.parse_args(argv)
    work = args.work or Path(tempfile.mkdtemp(prefix="bench-data-"))
    scales: dict[str, dict[str, Any]] = {}
    for percent in sorted(args.scales, key=float):
        folder = work / percent
        scales[percent] = run_scale(float(percent), folder, training=not args.no_training)
        _print(f"{percent} %", scales[percent])
        if not args.keep:
            shutil.rmtree(folder)
    result = summarise(scales)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    command = f"python -m benchmarks.bench_data --scales {' '.join(scales)}"
    command += " --no-training" if args.no_training else ""
    write_result("data", {**result, "scales": scales}, command=command)
    return 0


def _core(steps: dict[str, dict[str, float]]) -> float:
    return sum(steps[name]["seconds"] for name in CORE)


def _measured(
    step: tuple[str, ...], data: Path, lake: Path, run_date: str, rows: int
) -> dict[str, float]:
    before = _bytes(lake)
    flags = [part for setting in SETTINGS for part in ("--set", setting)]
    found = _job(
        step[0], *step[1:], "--run-date", run_date, "--data", str(data), "--lake", str(lake), *flags
    )
    return {
        "seconds": found.seconds,
        "peak_bytes": found.peak_bytes,
        "rows_per_second": round(rows / found.seconds),
        "bytes_written": _bytes(lake) - before,
    }


def _job(name: str, *arguments: str) -> Measured:
    python = {"PYTHONPATH": str(REPOSITORY / "include")}
    return measure([sys.executable, f"jobs/{name}.py", *arguments], env=python)


def _peer(data: Path, out: Path) -> dict[str, float]:
    result = out / "seconds.json"
    out.mkdir(parents=True, exist_ok=True)
    code = "import sys, json; from benchmarks.peer_duckdb import main; from pathlib import Path; "
    code += "Path(sys.argv[1]).write_text(json.dumps(main(*sys.argv[2:])))"
    found = measure(
        [sys.executable, "-c", code, str(result), str(data), str(out), "10GB", RUN_DATE]
    )
    seconds: dict[str, float] = json.loads(result.read_text())
    return {**seconds, "peak_bytes": found.peak_bytes}


def _add_day(data: Path) -> None:
    """Drop one more day: the purchases of the last one, again."""
    with (data / "transactions_train.csv").open("rb") as file:
        header = file.readline()
        file.seek(-min(64 << 20, file.seek(0, os.SEEK_END) - len(header)), os.SEEK_END)
        rows = [line for line in file if line.startswith(b"2020-09-22")]
    folder = data / "transactions" / f"t_dat={RUN_DATE}"
    folder.mkdir(parents=True)
    day = RUN_DATE.encode()
    (folder / "day.csv").write_bytes(header + b"".join(day + row[len(day) :] for row in rows))


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 24), b"")) - 1


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _print(title: str, figures: dict[str, Any]) -> None:
    lines = [f"\n{title}: {figures['rows']:,} transactions"]
    lines.append(f"{'step':<34}{'seconds':>9}{'rows/s':>12}{'peak GiB':>10}{'MB written':>12}")
    named = [*figures["steps"].items()]
    named += [(f"one more day: {name}", step) for name, step in figures["increment"].items()]
    for name, step in named:
        peak, written = step["peak_bytes"] / GIB, step["bytes_written"] / 1e6
        lines.append(
            f"{name:<34}{step['seconds']:>9.1f}{step['rows_per_second']:>12,}{peak:>10.2f}"
            f"{written:>12.1f}"
        )
    for name, seconds in figures["duckdb"].items():
        if name != "peak_bytes":
            lines.append(f"{'DuckDB: ' + name:<34}{seconds:>9.1f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
