"""Scoring that is killed goes on where it was: no finished shard is made again, no byte differs."""

import shutil
from pathlib import Path

import pytest
from jobs import generate_candidates, rank_candidates
from tests.promises.killing import leftovers
from tests.promises.scoring import (
    CUSTOMERS,
    RUN_DATE,
    SHARD_CUSTOMERS,
    Halting,
    flags,
    load_scorer,
    make_lake,
)

from recsys.inference.night import Ranking, Retrieval
from recsys.inference.run import Scorer
from recsys.paths import Partition
from recsys.storage import Lake

SHARDS = CUSTOMERS // SHARD_CUSTOMERS
JOBS = {
    "generate_candidates": (generate_candidates, Retrieval, "candidates.pairs"),
    "rank_candidates": (rank_candidates, Ranking, "recommendations.lists"),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lakes as they are before each job, and after both."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lake = make_lake(folder / "after-all")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scorer, "load", load_scorer)
        for name, (job, _, _) in JOBS.items():
            shutil.copytree(lake.root, folder / f"before-{name}")
            assert job.main(flags(lake)) == 0
    assert leftovers(Path(lake.root)) == []
    return folder


def shards(lake: Lake, dataset: str) -> dict[str, tuple[int, int]]:
    """Return the finished files of a data set's attempts: name -> when and as what it was made."""
    files = Path(lake.root, Partition(dataset, str(RUN_DATE)).folder).glob("attempt-*/*.parquet")
    return {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in files}


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize(
    ("moments", "where"), [([0], "half"), ([1, 4, 2], "half"), ([SHARDS - 1], "nothing")]
)
def test_finished_shards_are_kept_through_kills(
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    moments: list[int],
    where: str,
) -> None:
    job, maker, dataset = JOBS[name]
    shutil.copytree(undisturbed / f"before-{name}", tmp_path / "lake")
    lake, partition = Lake(str(tmp_path / "lake")), Partition(dataset, str(RUN_DATE))
    finished: dict[str, tuple[int, int]] = {}
    for moment in moments:
        Halting.start(name, lake, shard=moment, where=where).kill()
        assert lake.manifest(partition) is None
        there = shards(lake, dataset)
        assert len(there) == len(finished) + moment
        assert finished.items() <= there.items()
        finished = there

    made: list[int] = []
    healthy = maker.make
    monkeypatch.setattr(Scorer, "load", load_scorer)
    monkeypatch.setattr(
        maker, "make", lambda self, number: made.append(number) or healthy(self, number)
    )
    assert job.main(flags(lake)) == 0

    assert made == list(range(len(finished), SHARDS))
    assert finished.items() <= shards(lake, dataset).items()
    assert leftovers(tmp_path / "lake") == []
    expected = Lake(str(undisturbed / "after-all"))
    assert [Path(f).read_bytes() for f in lake.files(partition)] == [
        Path(f).read_bytes() for f in expected.files(partition)
    ]
    manifest, other = lake.require(partition), expected.require(partition)
    assert (manifest.rows, manifest.counts) == (other.rows, other.counts)
    assert manifest.fingerprint == other.fingerprint


def test_other_settings_and_force_take_nothing_over(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "load", load_scorer)
    made: list[int] = []
    healthy = Retrieval.make
    monkeypatch.setattr(
        Retrieval, "make", lambda self, number: made.append(number) or healthy(self, number)
    )
    for more in (["--set=candidates.popular=90"], ["--force"]):
        root = tmp_path / more[0]
        shutil.copytree(undisturbed / "before-generate_candidates", root)
        lake = Lake(str(root))
        Halting.start("generate_candidates", lake, shard=3).kill()
        made.clear()
        assert generate_candidates.main(flags(lake, *more)) == 0
        assert made == list(range(SHARDS))
        assert leftovers(root) == []
