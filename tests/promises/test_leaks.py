"""Point in time: what happened on a cutoff or after it changes not one value before it."""

from datetime import date

import pytest
from jobs import build_examples, build_features, clean_catalogue, clean_transactions
from pyspark.sql import SparkSession
from tests.promises.worlds import (
    EXAMPLES,
    FEATURES,
    RUN_DATE,
    World,
    delete,
    shuffle,
    shuffle_and_add,
    simulate,
)

from recsys.examples.split import from_table
from recsys.paths import Partition

pytestmark = pytest.mark.spark

TABLES = FEATURES | EXAMPLES
COLUMNS = [(dataset, name) for dataset, schema in TABLES.items() for name in schema.names]
FEATURE_COLUMNS = [(dataset, name) for dataset, name in COLUMNS if dataset in FEATURES]
Worlds = dict[str, World]
Snapshots = dict[date, World]


@pytest.fixture(scope="module")
def origin(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A raw folder whose catalogue is clean."""
    world = simulate(tmp_path_factory.mktemp("leaks"))
    world.run(clean_catalogue)
    return world


@pytest.fixture(scope="module")
def worlds(origin: World) -> Worlds:
    """Worlds that differ at and after the run date, each with features and examples as of it."""
    changes = {"deleted": delete, "shuffled": shuffle_and_add, "untouched": lambda rows, _: rows}
    found = {name: origin.changed(change, RUN_DATE, name) for name, change in changes.items()}
    for world in found.values():
        world.run(clean_transactions)
        world.run(build_features, "--training")
        world.run(build_features)
        world.run(build_examples)
    transactions = Partition("cleaned.transactions", str(RUN_DATE))
    rows = {name: world.lake.require(transactions).rows for name, world in found.items()}
    assert rows["deleted"] < rows["untouched"] < rows["shuffled"]
    return found


@pytest.fixture(scope="module")
def snapshots(worlds: Worlds) -> Snapshots:
    """Snapshot's cutoff -> the untouched world, but for rows shuffled at and after that cutoff."""
    untouched = worlds["untouched"]
    split = Partition("examples.split", str(RUN_DATE))
    cutoffs = [snapshot.cutoff for snapshot in from_table(untouched.lake.read(split))]
    assert len(cutoffs) == 4
    found = {}
    for cutoff in cutoffs:
        world = found[cutoff] = untouched.changed(shuffle, cutoff, f"from-{cutoff}")
        for dataset in FEATURES:  # else what is current is left as it is
            world.lake.fs.rm(f"{world.lake_root}/{dataset.replace('.', '/')}", recursive=True)
        world.run(clean_transactions)
        world.run(build_features, "--training")
        assert world.lake.read(split).equals(untouched.lake.read(split))
    return found


@pytest.mark.parametrize(("dataset", "column"), COLUMNS, ids=map(".".join, COLUMNS))
def test_nothing_of_the_run_date_or_later_is_seen(
    worlds: Worlds, dataset: str, column: str
) -> None:
    expected = worlds["untouched"].column(dataset, column)
    leaking = [
        name for name, world in worlds.items() if not world.column(dataset, column).equals(expected)
    ]
    assert leaking == []


@pytest.mark.parametrize(("dataset", "column"), FEATURE_COLUMNS, ids=map(".".join, FEATURE_COLUMNS))
def test_a_snapshot_sees_nothing_of_its_cutoff_or_later(
    worlds: Worlds, snapshots: Snapshots, dataset: str, column: str
) -> None:
    untouched = worlds["untouched"]
    leaking = [
        (f"shuffled from {day}", f"features as of {cutoff}")
        for day, world in snapshots.items()
        for cutoff in snapshots
        if cutoff <= day
        and not world.column(dataset, column, cutoff).equals(
            untouched.column(dataset, column, cutoff)
        )
    ]
    assert leaking == []


def test_a_later_snapshot_does_see_what_was_shuffled_before_it(
    worlds: Worlds, snapshots: Snapshots
) -> None:
    first, *_, last = snapshots
    seen = snapshots[first].column("features.articles", "spend", last)
    assert not seen.equals(worlds["untouched"].column("features.articles", "spend", last))


def test_some_features_were_made_from_nothing_and_some_carried_over(worlds: Worlds) -> None:
    for world in worlds.values():
        keys = world.lake.keys("features.customers")
        parts = [Partition("features.customers", key) for key in keys]
        carried = [bool(world.lake.require(part).notes["carried_from"]) for part in parts]
        assert carried == [False, True, True, True, True]


@pytest.mark.parametrize("dataset", TABLES)
def test_files_are_the_same_byte_by_byte(worlds: Worlds, dataset: str) -> None:
    expected = worlds["untouched"].files(dataset)
    assert [name for name, world in worlds.items() if world.files(dataset) != expected] == []
