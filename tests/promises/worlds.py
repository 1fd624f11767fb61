"""Raw folders that are alike up to a day, and the jobs that run on them."""

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from jobs import simulate_dataset

from recsys.columns import Columns as C
from recsys.paths import Partition
from recsys.schemas import (
    EXAMPLES_PAIRS,
    EXAMPLES_SPLIT,
    FEATURES_ARTICLES,
    FEATURES_COPURCHASES,
    FEATURES_CUSTOMERS,
    FEATURES_POPULARITY,
)
from recsys.storage import Lake

#: 240 days up to 2020-09-22, so that two weeks of rows come after the run date.
RUN_DATE = date(2020, 9, 9)
SIZES = ["--customers", "300", "--articles", "200", "--transactions", "6000", "--images", "0",
         "--days", "240"]  # fmt: skip
FEATURES = {
    "features.customers": FEATURES_CUSTOMERS,
    "features.articles": FEATURES_ARTICLES,
    "features.popularity": FEATURES_POPULARITY,
    "features.copurchases": FEATURES_COPURCHASES,
}
EXAMPLES = {"examples.split": EXAMPLES_SPLIT, "examples.pairs": EXAMPLES_PAIRS}
#: What a row is known by.
KEYS = {
    "features.customers": [C.CUSTOMER_KEY],
    "features.articles": [C.ARTICLE_KEY],
    "features.popularity": [C.AGE_BAND, C.RANK],
    "features.copurchases": [C.ARTICLE_KEY, C.RANK],
    "examples.split": [C.CUTOFF],
    "examples.pairs": [C.CUTOFF, "positive_id", C.LABEL, C.ARTICLE_KEY],
}
Change = Callable[[list[str], date], list[str]]


@dataclass(frozen=True)
class World:
    """A raw folder and the lake that jobs make of it."""

    data: Path
    lake_root: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.lake_root))

    def run(self, job: Any, *flags: str, run_date: date = RUN_DATE) -> None:
        argv = ["--run-date", str(run_date), "--env", "test", "--data", str(self.data)]
        argv += ["--lake", str(self.lake_root), "--set", f"state={self.lake_root.parent / 'state'}"]
        assert job.main([*argv, *flags]) == 0

    def column(self, dataset: str, name: str, key: object = RUN_DATE) -> pa.ChunkedArray:
        """Return a column in the order of the rows' keys."""
        table = self.lake.read(Partition(dataset, str(key)))
        assert table.num_rows > 0
        return table.sort_by([(k, "ascending") for k in KEYS[dataset]])[name].combine_chunks()

    def files(self, dataset: str, key: object = RUN_DATE) -> list[bytes]:
        """Return the contents of a table's files, in the order of their names."""
        return [Path(file).read_bytes() for file in self.lake.files(Partition(dataset, str(key)))]

    def changed(self, change: Change, cutoff: date, name: str) -> "World":
        """Return the same world with other rows at and after a cutoff, its catalogue cleaned."""
        other = World(self.data.with_name(f"raw-{name}"), self.lake_root.with_name(f"lake-{name}"))
        shutil.copytree(self.data, other.data)
        shutil.copytree(self.lake_root, other.lake_root)
        header, *lines = (self.data / "transactions_train.csv").read_text().splitlines()
        past = [line for line in lines if line < str(cutoff)]
        future = change([line for line in lines if line >= str(cutoff)], cutoff)
        text = "\n".join([header, *past, *future, ""])
        (other.data / "transactions_train.csv").write_text(text)
        return other


def simulate(folder: Path) -> World:
    """Return a simulated world with an empty lake."""
    world = World(folder / "raw", folder / "lake")
    assert simulate_dataset.main(["--out", str(world.data), *SIZES]) == 0
    return world


def delete(future: list[str], cutoff: date) -> list[str]:
    """Return nothing: the rows at and after the cutoff are gone."""
    return []


def shuffle(future: Sequence[str], cutoff: date) -> list[str]:
    """Permute all but the days of the rows; as many rows stand on each day."""
    rng = random.Random(7)
    days, *others = zip(*(line.split(",") for line in future), strict=True)
    mixed = [days, *(rng.sample(column, len(column)) for column in others)]
    return [",".join(row) for row in zip(*mixed, strict=True)]


def shuffle_and_add(future: Sequence[str], cutoff: date) -> list[str]:
    """Permute the rows, and add as many again: on the cutoff, and on days long after it."""
    rng = random.Random(8)
    offsets = [rng.choice([0, 0, 1, 30, 400]) for _ in future]
    added = [
        f"{cutoff + timedelta(days=offset)},{customer},{article},0.5,{channel}"
        for offset, line in zip(offsets, shuffle(future[::-1], cutoff), strict=True)
        for _, customer, article, _, channel in [line.split(",")]
    ]
    return shuffle(future, cutoff) + added
