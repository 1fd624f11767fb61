"""Shards made here, and by Spark's workers."""

import argparse
import os
import signal
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from recsys import scoring
from recsys.config import Config, load_config
from recsys.errors import ConfigError, DataError, RecsysError
from recsys.job import Job
from recsys.log import get_logger
from recsys.paths import Partition
from recsys.scoring import Maker, write_shards
from recsys.shards import Shards
from recsys.storage import Lake

PAIRS = Partition("candidates.pairs", "2020-09-22")
SHARDS = 5


@dataclass
class Counting:
    """Makes a shard of its number, and leaves a file for each time that it is loaded."""

    bad: int | None
    deadly: int | None
    fault: type[RecsysError] = DataError

    @classmethod
    def load(
        cls, job: Job, folder: str, bad: int | None, deadly: int | None, fault: type[RecsysError]
    ) -> "Counting":
        Path(folder, f"loaded-{len(list(Path(folder).iterdir()))}").touch()
        return cls(bad, deadly, fault)

    def make(self, number: int) -> tuple[pa.Table, dict[str, int]]:
        if number == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.bad:
            raise self.fault(f"shard {number} cannot be made")
        return pa.table({"article_key": pa.array([number] * 3, pa.int32())}), {"made": 1}


@pytest.fixture
def write(config: Config, lake: Lake, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Write the shards that are missing, here or on Spark; return which were there before."""
    (tmp_path / "loads").mkdir()
    scoring.loaded.clear()

    def run(
        *,
        on_spark: bool,
        bad: int | None = None,
        deadly: int | None = None,
        fault: type[RecsysError] = DataError,
        fingerprint: str = "a",
    ) -> list[int]:
        if on_spark:
            request.getfixturevalue("spark")
        told = [f"spark.scoring={on_spark}", f"lake={lake.root}"]
        settings = load_config("test", told)
        args = argparse.Namespace()
        job = Job("test", settings, date(2020, 9, 22), args, lake, get_logger("test"))
        folder = str(tmp_path / "loads")
        load = partial(Counting.load, folder=folder, bad=bad, deadly=deadly, fault=fault)
        with lake.write(PAIRS, fingerprint=fingerprint, resume=True) as draft:
            shards = Shards(lake, draft, SHARDS)
            there = sorted(set(range(SHARDS)) - set(shards.missing()))
            write_shards(job, shards, Maker(load, "make", key=f"{tmp_path} {bad} {deadly}"))
        return there

    return run


WAYS = pytest.mark.parametrize(
    "on_spark", [False, pytest.param(True, marks=pytest.mark.spark)], ids=["here", "spark"]
)


def files(lake: Lake) -> list[bytes]:
    return [Path(file).read_bytes() for file in lake.files(PAIRS)]


@WAYS
def test_each_shard_is_made_once_by_what_is_loaded_once(
    write: Any, lake: Lake, tmp_path: Path, on_spark: bool
) -> None:
    assert write(on_spark=on_spark) == []

    assert lake.read(PAIRS)["article_key"].to_pylist() == [n for n in range(5) for _ in range(3)]
    assert lake.require(PAIRS).counts == {"made": 5}
    loads = len(list((tmp_path / "loads").iterdir()))
    assert loads in ((1, 2) if on_spark else (1,))  # each of two workers loads for itself


@WAYS
@pytest.mark.parametrize("fault", [DataError, ConfigError])
def test_a_fault_is_told_in_its_own_words_and_the_other_shards_stay(
    write: Any, lake: Lake, on_spark: bool, fault: type[RecsysError]
) -> None:
    with pytest.raises(fault, match=r"^shard 2 cannot be made$"):
        write(on_spark=on_spark, bad=2, fault=fault)
    assert lake.manifest(PAIRS) is None

    there = write(on_spark=on_spark)

    assert there == ([0, 1, 3, 4] if on_spark else [0, 1])
    assert lake.require(PAIRS).rows == 15


@pytest.mark.spark
def test_bytes_are_the_same_both_ways(write: Any, lake: Lake) -> None:
    write(on_spark=False)
    here = files(lake)
    write(on_spark=True, fingerprint="b")
    assert files(lake) == here
    assert len(here) == SHARDS


@pytest.mark.spark
def test_a_worker_that_is_killed_costs_its_own_shard_alone(write: Any, lake: Lake) -> None:
    with pytest.raises(Exception, match=r"worker exited unexpectedly|crashed"):
        write(on_spark=True, deadly=SHARDS - 1)
    assert lake.manifest(PAIRS) is None

    there = write(on_spark=True)

    # The other worker may have been stopped at its shard too.
    assert set(there) >= {0, 1, 2}
    assert SHARDS - 1 not in there
    assert lake.require(PAIRS).rows == 15
