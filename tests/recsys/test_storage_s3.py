"""The lake in an object store: the same promises as in a folder, whoever else writes there."""

import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from tests.s3 import Store

from recsys.digest import sha256_of_file
from recsys.errors import DataError, MissingPartitionError
from recsys.manifest import Part
from recsys.paths import Partition
from recsys.shards import Shards
from recsys.storage import Lake
from recsys.store import FILES_AHEAD

SALES = Partition("features.articles", "2020-09-22")
FOLDER = "lake/features/articles/2020-09-22"


@pytest.fixture
def s3_lake(s3: Store) -> Lake:
    """An empty lake in an empty bucket."""
    return Lake(f"{s3.address}/lake")


def rows(*values: int) -> pa.Table:
    return pa.table({"article_key": pa.array(values, pa.int32())})


def write_rows(lake: Lake, *values: int, fingerprint: str = "f") -> None:
    with lake.write(SALES, fingerprint=fingerprint) as draft:
        lake.put_table(draft, rows(*values))


def test_more_files_than_are_read_ahead_come_in_their_order(s3_lake):
    numbers = list(range(2 * FILES_AHEAD + 1))
    with s3_lake.write(SALES, fingerprint="f") as draft:
        for number in numbers:
            s3_lake.put_table(draft, rows(number), f"part-{number:05d}.parquet")
    files = s3_lake.read_files(s3_lake.files(SALES), ["article_key"])
    assert [table["article_key"].to_pylist() for table in files] == [[n] for n in numbers]


def test_a_partition_is_read_back_with_its_manifest(s3, s3_lake):
    write_rows(s3_lake, 2, 3, 4)
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [2, 3, 4]}
    assert s3_lake.read(SALES, filter=pc.field("article_key") > 2).num_rows == 2
    batches = s3_lake.scan(SALES).to_batches(columns=["article_key"])
    assert [key for batch in batches for key in batch["article_key"].to_pylist()] == [2, 3, 4]
    manifest = s3_lake.require(SALES)
    assert (manifest.rows, manifest.columns) == (3, {"article_key": "int32"})
    file = f"{FOLDER}/{manifest.attempt}/part-00000.parquet"
    assert s3_lake.files(SALES) == [f"{s3.address}/{file}"]
    assert s3.keys() == [
        f"{FOLDER}/_manifest.json", f"{FOLDER}/{manifest.attempt}/part-00000.parquet",
    ]  # fmt: skip


def test_a_partition_of_several_files_is_one_table(s3_lake):
    with s3_lake.write(SALES, fingerprint="f") as draft:
        s3_lake.put_table(draft, rows(2), "part-00000.parquet")
        s3_lake.put_table(draft, rows(3), "part-00001.parquet")
        with pytest.raises(DataError, match="must share one schema"):
            s3_lake.put_table(draft, pa.table({"other": [1]}), "part-00002.parquet")
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [2, 3]}


def test_a_partition_is_invisible_until_its_manifest(s3, s3_lake):
    with s3_lake.write(SALES, fingerprint="f") as draft:
        s3_lake.put_table(draft, rows(2))
        assert s3.keys() == [f"{draft.path.removeprefix(s3.address + '/')}/part-00000.parquet"]
        for lake in (s3_lake, Lake(f"{s3.address}/lake")):
            assert lake.manifest(SALES) is None
            with pytest.raises(MissingPartitionError, match="run build_features first"):
                lake.read(SALES)
    assert s3_lake.read(SALES).num_rows == 1


def test_a_draft_whose_block_raises_leaves_nothing(s3, s3_lake):
    with (
        pytest.raises(RuntimeError, match="broken"),
        s3_lake.write(SALES, fingerprint="g") as draft,
    ):
        s3_lake.put_table(draft, rows(9))
        raise RuntimeError("broken")
    assert s3.keys() == []


def test_a_draft_whose_block_raises_before_it_wrote_keeps_that_error(s3, s3_lake):
    with pytest.raises(RuntimeError, match="broken"), s3_lake.write(SALES, fingerprint="g"):
        raise RuntimeError("broken")
    assert s3.keys() == []


def test_a_failed_rerun_leaves_the_old_rows(s3, s3_lake):
    write_rows(s3_lake, 2)
    before = s3.keys()
    with (
        pytest.raises(ValueError, match="rows were never set"),
        s3_lake.write(SALES, fingerprint="g"),
    ):
        pass
    assert s3.keys() == before
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [2]}


def test_a_rerun_replaces_the_partition_and_removes_the_old_attempt(s3, s3_lake):
    write_rows(s3_lake, 2)
    write_rows(s3_lake, 3)
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [3]}
    attempt = s3_lake.require(SALES).attempt
    assert s3.keys() == [f"{FOLDER}/_manifest.json", f"{FOLDER}/{attempt}/part-00000.parquet"]


def test_what_another_process_commits_is_seen_and_replaced(s3, s3_lake):
    """A lake must not believe a listing that it made before somebody else wrote."""
    other = Lake(f"{s3.address}/lake")
    other.fs = type(other.fs)(skip_instance_cache=True)
    assert s3_lake.manifest(SALES) is None
    s3_lake.fs.find(s3_lake.root)
    write_rows(other, 2)
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [2]}
    s3_lake.fs.find(s3_lake.root)
    write_rows(other, 3)
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [3]}
    with s3_lake.local_path(SALES) as path:
        assert pyarrow.parquet.read_table(path).to_pydict() == {"article_key": [3]}
    write_rows(s3_lake, 4)
    assert other.read(SALES).to_pydict() == {"article_key": [4]}
    attempt = other.require(SALES).attempt
    assert s3.keys() == [f"{FOLDER}/_manifest.json", f"{FOLDER}/{attempt}/part-00000.parquet"]


def test_files_that_spark_wrote_into_a_draft_are_committed(s3, s3_lake, tmp_path):
    """Spark writes by its own client, of which s3fs hears nothing."""
    pyarrow.parquet.write_table(rows(2, 3), tmp_path / "part.parquet")
    with s3_lake.write(SALES, fingerprint="f") as draft:
        s3_lake.fs.find(s3_lake.root)
        folder = draft.path.removeprefix(f"{s3.address}/")
        s3.put(f"{folder}/part-1.zstd.parquet", (tmp_path / "part.parquet").read_bytes())
        s3.put(f"{folder}/_SUCCESS", b"")
        s3.put(f"{folder}/", b"")  # how Hadoop marks a folder
        draft.rows = 2
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [2, 3]}
    with s3_lake.local_path(SALES) as path:
        assert pyarrow.parquet.read_table(path).num_rows == 2
    write_rows(s3_lake, 4)
    assert s3_lake.read(SALES).to_pydict() == {"article_key": [4]}
    assert len(s3.keys()) == 2


def test_what_spark_left_of_a_failed_draft_is_removed(s3, s3_lake):
    with pytest.raises(RuntimeError), s3_lake.write(SALES, fingerprint="f") as draft:
        s3_lake.fs.find(s3_lake.root)
        s3.put(draft.path.removeprefix(f"{s3.address}/") + "/part-1.parquet", b"half")
        raise RuntimeError
    assert s3.keys() == []


LOAD = Partition("cleaned.loads", "dump-1")
VIEW = Partition("cleaned.transactions", "2020-09-23")


def write_load(lake: Lake) -> list[Part]:
    """Commit a load of two days, and return the parts that a view of both has."""
    parts = []
    with lake.write(LOAD, fingerprint="f") as draft:
        for key, day in enumerate(("2020-09-21", "2020-09-22"), start=2):
            lake.put_table(draft, rows(key), f"t_dat={day}/part-00000.parquet")
            part = Part(
                key=day, dataset=LOAD.dataset, partition=LOAD.key, folder=f"t_dat={day}",
                rows=1, fingerprint=day,
            )  # fmt: skip
            parts.append(part)
    return parts


def test_a_view_shows_folders_of_another_partition(s3, s3_lake):
    parts = write_load(s3_lake)
    load = s3_lake.require(LOAD)
    view = s3_lake.show(VIEW, parts, like=load, counts={"n": 2}, notes={})
    assert s3_lake.require(VIEW) == view
    assert s3_lake.read(VIEW).to_pydict() == {"article_key": [2, 3]}
    root = f"{s3.address}/lake/cleaned/loads/dump-1/{load.attempt}"
    assert s3_lake.files(VIEW, before="2020-09-22") == [
        f"{root}/t_dat=2020-09-21/part-00000.parquet"
    ]
    assert len(s3_lake.files(VIEW)) == 2


def test_the_keys_of_a_data_set_are_those_committed_by_anyone(s3, s3_lake):
    assert s3_lake.keys("cleaned.loads") == []
    write_load(s3_lake)
    s3.put("lake/cleaned/loads/drops-2/attempt-dead/part.parquet", b"half")
    assert s3_lake.keys("cleaned.loads") == ["dump-1"]
    s3.put("lake/cleaned/loads/drops-2/_manifest.json", b"{}")
    assert s3_lake.keys("cleaned.loads") == ["drops-2", "dump-1"]


def test_a_partition_and_a_view_are_removed(s3, s3_lake):
    parts = write_load(s3_lake)
    s3_lake.show(VIEW, parts, like=s3_lake.require(LOAD), counts={}, notes={})
    s3_lake.remove(VIEW)
    assert s3_lake.manifest(VIEW) is None
    s3_lake.remove(LOAD)
    assert s3.keys() == []


def test_local_files_are_put_and_read_back_as_a_local_folder(s3, s3_lake, tmp_path):
    (tmp_path / "vectors.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "model.keras").write_bytes(b"PK")
    with s3_lake.write(SALES, fingerprint="f") as draft:
        s3_lake.put(draft, "vectors.npy", tmp_path / "vectors.npy")
        s3_lake.put(draft, "towers/model.keras", tmp_path / "model.keras")
        draft.rows = 1
    with s3_lake.local_path(SALES) as path:
        found = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
        assert found == {"vectors.npy", "towers/model.keras"}
        assert (path / "vectors.npy").read_bytes() == b"\x93NUMPY"
    assert not path.exists()


def test_text_is_replaced_whole(s3, s3_lake):
    for number in (1, 2):
        s3_lake.write_text("reports/run/a.json", json.dumps({"n": number}))
    assert json.loads(s3.get("lake/reports/run/a.json")) == {"n": 2}
    assert s3.keys() == ["lake/reports/run/a.json"]


def test_a_lake_may_be_a_whole_bucket(s3):
    lake = Lake(s3.address)
    write_rows(lake, 2)
    assert lake.read(SALES).num_rows == 1
    assert s3.keys()[0] == "features/articles/2020-09-22/_manifest.json"


def test_a_bucket_that_is_not_there_is_not_made(s3):
    lake = Lake("s3://not-there-at-all/lake")
    assert lake.manifest(SALES) is None
    with pytest.raises((OSError, DataError)):
        write_rows(lake, 2)
    assert "not-there-at-all" not in {b["Name"] for b in s3.client.list_buckets()["Buckets"]}


def test_the_digest_of_an_object_is_that_of_its_bytes(s3, tmp_path: Path):
    content = bytes(range(256)) * 30_000
    (tmp_path / "a").write_bytes(content)
    s3.put("raw/a.csv", content)
    assert sha256_of_file(f"{s3.address}/raw/a.csv") == sha256_of_file(tmp_path / "a")
    fsspec.filesystem("s3").ls(f"{s3.bucket}/raw")
    s3.put("raw/a.csv", b"newer")
    assert sha256_of_file(f"{s3.address}/raw/a.csv") == (
        "804f51f71254c4081e37e7c887073560f4a6fa6cdad202e9ac67e032c43ed1e1"
    )


def test_the_environment_alone_says_where_the_store_is(s3):
    assert fsspec.filesystem("s3").ls(s3.bucket) == []


def test_finished_shards_are_taken_over_and_lists_of_them_are_never_remembered(s3, s3_lake):
    with pytest.raises(ZeroDivisionError), s3_lake.write(SALES, fingerprint="a", resume=True) as d:
        Shards(s3_lake, d, 3).put(1, rows(1), {"made": 2})
        raise ZeroDivisionError
    assert s3_lake.manifest(SALES) is None
    with s3_lake.write(SALES, fingerprint="a", resume=True) as draft:
        shards = Shards(s3_lake, draft, 3)
        assert shards.missing() == [0, 2]
        # Another process makes one of them meanwhile.
        Shards(Lake(f"{s3.address}/lake"), draft, 3).put(0, rows(0), {"made": 3})
        assert shards.missing() == [2]
        shards.put(2, rows(2))
        shards.conclude()
    assert s3_lake.read(SALES)["article_key"].to_pylist() == [0, 1, 2]
    assert s3_lake.read_file(s3_lake.files(SALES)[1]).num_rows == 1
    assert s3_lake.require(SALES).counts == {"made": 5}
    assert len(s3.keys()) == 4
