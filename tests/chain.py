"""A small raw folder, the jobs that run on it, and what a lake holds of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs import (
    build_examples,
    build_features,
    check_cleaned,
    check_features,
    clean_catalogue,
    clean_transactions,
    simulate_dataset,
)

from recsys.paths import Partition
from recsys.storage import Lake

RUN_DATE = "2020-09-23"
SIZES = [
    "--customers", "60", "--articles", "120", "--transactions", "3000", "--images", "6",
    "--days", "90",
]  # fmt: skip
CLEANING = (clean_catalogue, clean_transactions)
#: A night's work of Spark, in order, and what it writes.
NIGHT = (*CLEANING, build_features)
NIGHT_DATA = (
    "keys.articles", "keys.customers", "cleaned.articles", "cleaned.customers",
    "cleaned.transactions", "rejected.catalogue", "rejected.transactions", "features.articles",
    "features.copurchases", "features.customers", "features.popularity",
)  # fmt: skip
TRAINING_DATA = ("examples.split", "examples.pairs")
CHECKS = (check_cleaned, check_features)


def simulate(folder: Path) -> Path:
    """Write a dump of 90 days, and a drop that replaces the last of them and has a bad row."""
    assert simulate_dataset.main(["--out", str(folder), *SIZES]) == 0
    header, *lines = (folder / "transactions_train.csv").read_text().splitlines()
    sold = [f"2020-09-22,{line.partition(',')[2]}" for line in lines[:20]]
    drop = folder / "transactions" / "t_dat=2020-09-22" / "sales.csv"
    drop.parent.mkdir(parents=True)
    drop.write_text("\n".join([header, *sold, lines[0], ""]))
    return folder


def flags(data: str, lake: str, state: Path) -> list[str]:
    """Return what every job of the chain is told."""
    argv = ["--run-date", RUN_DATE, "--env", "test", "--data", data, "--lake", lake]
    settings = (
        f"state={state}", "examples.split.train_snapshots=1", "model.dim=8",
        "model.tower_units=[16]", "model.ranker_units=[16,8]", "recommendations.k=4",
        "evaluation.k=4",
    )  # fmt: skip
    return [*argv, *(f"--set={setting}" for setting in settings)]


def run(job: Any, argv: Sequence[str], *flags: str) -> None:
    """Run a job in this process and expect it to be done."""
    assert job.main([*argv, *flags]) == 0


def prepare_training(argv: Sequence[str]) -> None:
    """Write the features of earlier days and the examples, which make up TRAINING_DATA."""
    run(build_features, argv, "--training")
    run(build_examples, argv)


def rows(lake: Lake) -> dict[str, list[str]]:
    """Return the rows of all partitions that Spark wrote, as text and sorted.

    Those of rejected transactions are together: their keys say where the raw files were.
    """
    found: dict[str, list[str]] = {}
    for name in (*NIGHT_DATA, *TRAINING_DATA):
        for key in lake.keys(name):
            label = name if name == "rejected.transactions" else f"{name}[{key}]"
            table = lake.read(Partition(name, key))
            found.setdefault(label, []).extend(map(str, table.to_pylist()))
    return {label: sorted(lines) for label, lines in found.items()}
