"""Killed at any moment, a job leaves no half of anything, and the same command again mends it."""

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from jobs import simulate_dataset
from tests.promises.killing import JobProcess, leftovers, reading

from recsys.paths import WRITTEN_BY, Partition
from recsys.storage import Lake

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

RUN_DATE = "2020-09-23"
SIZES = ["--customers", "60", "--articles", "120", "--transactions", "3000", "--images", "0",
         "--days", "90"]  # fmt: skip
#: In order; each with its flags.
JOBS = {
    "clean_catalogue": [],
    "clean_transactions": [],
    "build_features": ["--training"],
    "build_examples": [],
}
#: (job, whether its output is there already and is written anew) of each kill, by moment.
KILLS = [
    ("clean_catalogue", False), ("clean_transactions", False), ("build_features", False),
    ("build_examples", False), ("clean_catalogue", True), ("clean_transactions", True),
    ("build_features", True), ("build_examples", True), ("clean_transactions", False),
    ("build_features", False),
]  # fmt: skip
RNG = random.Random(20200923)
#: The moment of each kill, as a share of the job's undisturbed duration.
MOMENTS = [RNG.uniform(0.15, 1) for _ in KILLS]


@dataclass(frozen=True)
class Undisturbed:
    """A run of all jobs without a kill: lakes before each job, the last one, and seconds."""

    folder: Path
    seconds: dict[str, float]

    @property
    def lake(self) -> Path:
        return self.folder / "after-all"

    def start(self, job: str, lake: Path, *flags: str) -> JobProcess:
        argv = [job, *JOBS[job], *flags, "--run-date", RUN_DATE, "--env", "test"]
        argv += ["--data", str(self.folder / "raw"), "--lake", str(lake)]
        temporary = lake.with_name("tmp")
        temporary.mkdir(exist_ok=True)
        return JobProcess([*argv, "--set", f"state={self.folder / 'state'}"], temporary)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    run = Undisturbed(tmp_path_factory.mktemp("undisturbed"), {})
    assert simulate_dataset.main(["--out", str(run.folder / "raw"), *SIZES]) == 0
    lake = run.lake
    lake.mkdir()
    for job in JOBS:
        shutil.copytree(lake, run.folder / f"before-{job}")
        started = time.monotonic()
        run.start(job, lake).finish()
        run.seconds[job] = time.monotonic() - started
    assert leftovers(lake) == []
    return run


def tables(root: Path) -> dict[str, tuple[pa.Table, list[bytes]]]:
    """Return partition -> its rows as they stand there, and the contents of its files."""
    lake = Lake(str(root))
    partitions = [Partition(name, key) for name in WRITTEN_BY for key in lake.keys(name)]
    return {
        str(p): (lake.read(p), [Path(f).read_bytes() for f in lake.files(p)]) for p in partitions
    }


@pytest.mark.parametrize(
    ("job", "anew", "share"),
    [(*kill, MOMENTS[number]) for number, kill in enumerate(KILLS)],
    ids=[f"{job}-{'anew' if anew else 'first'}-{MOMENTS[n]:.2f}"
         for n, (job, anew) in enumerate(KILLS)],
)  # fmt: skip
def test_a_killed_job_is_made_good_by_the_same_command(
    undisturbed: Undisturbed, tmp_path: Path, job: str, anew: bool, share: float
) -> None:
    root, flags = tmp_path / "lake", ["--force"] if anew else []
    shutil.copytree(undisturbed.lake if anew else undisturbed.folder / f"before-{job}", root)
    with reading(Lake(str(root))) as reader:
        moment = share * undisturbed.seconds[job]
        while not undisturbed.start(job, root, *flags).kill_after(moment):
            # It was quicker than before, and would now find nothing to do.
            moment, flags = 0.8 * moment, ["--force"]
        undisturbed.start(job, root, *flags).finish()
    assert reader.faults == []
    assert reader.read > 0
    assert leftovers(root) == []
    expected = tables(undisturbed.lake)
    found = tables(root)
    assert set(found) <= set(expected)
    assert {WRITTEN_BY[name.partition("[")[0]] for name in found} >= {job}
    assert {name for name in found if found[name] != expected[name]} == set()
    if anew:
        assert set(found) == set(expected)
