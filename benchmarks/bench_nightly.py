"""The nightly batch at 1 %, 10 % and 100 % of H&M's size: candidates, ranking, publishing.

Usage: python -m benchmarks.bench_nightly [--scales 1 10 100] [--work FOLDER] [--keep]

Data are simulated and cleaned, and a model learns from two weeks of them for two epochs: how good
it is does not matter here. Then the jobs of the night that follow the features are measured, each a
process of its own, with a Postgres of the project's stack. Writes `results/nightly.json`:

- `total_s`: the jobs of the night together, at the largest scale; `steps_s`: each of them;
- `peak_gib`: of the process tree of any of them, Postgres not counted;
- `growth_10_to_100`: `total_s` at 100 % by that at 10 %; null where one was not run.
"""

import argparse
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.bench_data import RUN_DATE, simulate
from benchmarks.measure import GIB, REPOSITORY, Measured, measure, write_result
from recsys.paths import Partition
from recsys.serving.migrate import migrate
from recsys.storage import Lake
from stack.postgres import Postgres

SETTINGS = (
    "spark.driver_memory=8g", "images.weights=random",
    "examples.split.train_snapshots=2", "model.trees.weeks=1", "model.epochs=2",
)  # fmt: skip
BEFORE = (
    ("clean_catalogue",), ("clean_transactions",), ("build_features",),
    ("build_features", "--training"), ("build_examples",), ("embed_images",), ("train_models",),
)  # fmt: skip
NIGHT = (
    "generate_candidates", "rank_candidates", "find_similar_articles", "publish_recommendations",
)  # fmt: skip


def run_scale(percent: float, folder: Path, url: str) -> dict[str, Any]:
    """Prepare a size, run the night on it; return all figures. What is prepared is kept."""
    data, lake = folder / "data", folder / "lake"
    if not data.exists():
        simulate(data, share=percent / 100)
    common = ["--run-date", RUN_DATE, "--data", str(data), "--lake", str(lake)]
    common += [part for setting in SETTINGS for part in ("--set", setting)]
    for name, *flags in BEFORE:
        _job(name, *common, *flags, "--report", f"reports/{name}.json", url=url)
    report = json.loads((lake / "reports" / "train_models.json").read_text())
    model = ["--model-version", report["facts"]["model_version"]]
    steps = {}
    for name in NIGHT:
        of_model = [] if name == "publish_recommendations" else model
        found = _job(name, *common, *of_model, "--force", url=url)
        steps[name] = {"seconds": found.seconds, "peak_bytes": found.peak_bytes}
        sys.stdout.write(f"{name:<26}{found.seconds:>9.1f} s{found.peak_bytes / GIB:>8.2f} GiB\n")
        sys.stdout.flush()
    made = [Partition(name, RUN_DATE) for name in ("candidates.pairs", "recommendations.lists")]
    return {"rows": {p.dataset: Lake(str(lake)).require(p).rows for p in made}, "steps": steps}


def summarise(scales: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the headline figures of all sizes; see the module's docstring."""
    steps = scales[max(scales, key=float)]["steps"]
    both = "10" in scales and "100" in scales
    growth = _total(scales["100"]["steps"]) / _total(scales["10"]["steps"]) if both else None
    return {
        "total_s": round(_total(steps), 1),
        "steps_s": {name: step["seconds"] for name, step in steps.items()},
        "peak_gib": round(max(step["peak_bytes"] for step in steps.values()) / GIB, 2),
        "growth_10_to_100": None if growth is None else round(growth, 2),
    }


def main(argv: list[str] | None = None) -> int:
    """Run the sizes from small to large, print and write the result."""
    parser = argparse.ArgumentParser(
        prog="bench_nightly", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--scales", nargs="+", default=["1", "10", "100"], metavar="PERCENT")
    parser.add_argument("--work", type=Path, help="folder for data and lakes (default: temporary)")
    parser.add_argument("--keep", action="store_true", help="keep data and lakes")
    args = parser.parse_args(argv)
    scales: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Postgres(work / "postgres")
        url = server.start()
        stack.callback(server.stop)
        migrate(url)
        for percent in sorted(args.scales, key=float):
            sys.stdout.write(f"\n{percent} %\n")
            scales[percent] = run_scale(float(percent), work / percent, url)
            if not args.keep:
                shutil.rmtree(work / percent)
    result = summarise(scales)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    command = f"python -m benchmarks.bench_nightly --scales {' '.join(scales)}"
    write_result("nightly", {**result, "scales": scales}, command=command)
    return 0


def _total(steps: dict[str, dict[str, float]]) -> float:
    return sum(step["seconds"] for step in steps.values())


def _job(name: str, *arguments: str, url: str) -> Measured:
    env = {"PYTHONPATH": str(REPOSITORY / "include"), "RECSYS_DATABASE_URL": url}
    return measure([sys.executable, f"jobs/{name}.py", *arguments], env=env)


if __name__ == "__main__":
    sys.exit(main())
