"""How well the chain recommends on real purchases, beside other recommenders on the same weeks.

Usage: python -m benchmarks.bench_quality [--cuts 2017-12-04 ...] [--set name=value ...]

For each cut, The Complete Journey's purchases before it go through the chain: cleaning, features,
examples, training, candidates, and ranking under both purchase policies. The lists are scored
against the seven days from the cut on. Prints a table and writes `results/quality.json`: mode ->
metric, pooled over the cuts, and, with --scorer, the JSON of that program instead.

Modes: `all`: every purchase of the week counts, and past purchases may be recommended (policy
none). `novel`: only an article's first purchase counts (policy all).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.measure import REPOSITORY, measure, write_result
from benchmarks.quality.completejourney import convert, downloaded
from benchmarks.quality.score import Cut, score
from recsys.inference.policy import MODES
from recsys.paths import Partition
from recsys.storage import Lake

CUTS = ("2017-12-04", "2017-12-11", "2017-12-18")
K = 12
#: What others reach on these cuts, tuned on the weeks before the first.
PEERS = Path(__file__).parent / "quality" / "peers.json"
EXAMPLES = (
    ("clean_catalogue",), ("clean_transactions",), ("build_features",),
    ("build_features", "--training"), ("build_examples",), ("embed_images",),
)  # fmt: skip


def make_examples(folder: Path, cut: str, settings: Sequence[str] = ()) -> list[str]:
    """Run the chain on a folder of raw files up to training; return the flags of its jobs."""
    common = ["--run-date", cut, "--data", str(folder), "--lake", str(folder / "lake")]
    common += ["--set", f"state={folder / 'state'}"]
    common += [flag for setting in settings for flag in ("--set", setting)]
    for name, *flags in EXAMPLES:
        _job(name, *common, *flags)
    return common


def run_cut(folder: Path, cut: str, settings: Sequence[str]) -> Cut:
    """Run the chain on a folder of raw files; return where the lists are."""
    lake = folder / "lake"
    common = make_examples(folder, cut, settings)
    _job("train_models", *common, "--report", "reports/train_models.json")
    report = json.loads((lake / "reports" / "train_models.json").read_text())
    model = ["--model-version", report["facts"]["model_version"]]
    _job("generate_candidates", *common, *model)
    lists = {}
    for mode, policy in MODES.items():
        setting = ["--set", f"recommendations.policy={policy}", "--set", f"recommendations.k={K}"]
        _job("rank_candidates", *common, *model, *setting)
        lists[mode] = folder / f"lists-{mode}.csv"
        _export(Lake(str(lake)), cut, lists[mode])
    return Cut(folder, lists)


def main(argv: list[str] | None = None) -> int:
    """Convert the cuts, run the chain on each, score all and write the result."""
    args = _parse(argv)
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = args.source or stack.enter_context(downloaded())
        cuts = []
        for cut in args.cuts:
            convert(source, work / cut, cut=cut)
            cuts.append(run_cut(work / cut, cut, args.set))
            sys.stdout.write(f"{cut} is done\n")
            sys.stdout.flush()
        ours = score(cuts, k=K)
        result: dict[str, Any] = _score_by(args.scorer, cuts, work) if args.scorer else dict(ours)
    _print(ours)
    command = " ".join(["python -m benchmarks.bench_quality --cuts", *args.cuts])
    write_result("quality", result, command=command + "".join(f" --set {s}" for s in args.set))
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench_quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cuts", nargs="+", default=list(CUTS), metavar="DAY")
    parser.add_argument("--source", type=Path, help="the set's Parquet files (default: download)")
    parser.add_argument("--work", type=Path, help="folder to keep (default: temporary)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--scorer", type=Path, help="a program that scores such lists, to agree")
    return parser.parse_args(argv)


def _job(name: str, *arguments: str) -> None:
    python = {"PYTHONPATH": str(REPOSITORY / "include")}
    seconds = measure([sys.executable, f"jobs/{name}.py", *arguments], env=python).seconds
    sys.stdout.write(f"{name:<24}{seconds:>8.1f} s\n")
    sys.stdout.flush()


def _export(lake: Lake, cut: str, out: Path) -> None:
    """Write `customer_id,rank,article_id,score` of a cut's lists."""

    def read(dataset: str, *columns: str) -> pd.DataFrame:
        frame: pd.DataFrame = lake.read(Partition(dataset, cut), columns).to_pandas()
        return frame

    lists = read("recommendations.lists", "customer_key", "rank", "article_key", "score")
    lists = lists.merge(read("cleaned.customers", "customer_key", "customer_id"))
    lists = lists.merge(read("cleaned.articles", "article_key", "article_id"))
    columns = ["customer_id", "rank", "article_id", "score"]
    lists.sort_values(["customer_id", "rank"])[columns].to_csv(out, index=False)


def _score_by(scorer: Path, cuts: Sequence[Cut], work: Path) -> dict[str, Any]:
    """Return what another program says of the same lists."""
    files = {
        "truth": [cut.folder / "truth.csv" for cut in cuts],
        "history": [cut.folder / "transactions_train.csv" for cut in cuts],
        "articles": [cut.folder / "articles.csv" for cut in cuts],
        "customers": [cut.folder / "customers.csv" for cut in cuts],
        "recs": [cut.lists["all"] for cut in cuts],
        "recs-novel": [cut.lists["novel"] for cut in cuts],
    }
    flags = [text for name, paths in files.items() for text in (f"--{name}", *map(str, paths))]
    out = work / "scores.json"
    subprocess.run([sys.executable, str(scorer), *flags, "--json", str(out)], check=True)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _print(ours: dict[str, dict[str, float]]) -> None:
    peers = json.loads(PEERS.read_text())
    for mode in MODES:
        rows = {"this": (ours[mode]["map_at_k"], ours[mode]["recall_at_k"])}
        rows |= {name: (peer[mode]["map"], peer[mode]["recall"]) for name, peer in peers.items()}
        sys.stdout.write(f"\nmode {mode:<12}{f'MAP@{K}':>10}{f'Recall@{K}':>12}\n")
        for name, (average, recall) in sorted(rows.items(), key=lambda row: -row[1][0]):
            sys.stdout.write(f"{name:<17}{average:>10.4f}{recall:>12.4f}\n")


if __name__ == "__main__":
    sys.exit(main())
