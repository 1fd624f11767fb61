"""Partitions that are written shard by shard."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import DataError, RecsysError
from recsys.paths import Partition
from recsys.shards import Shards
from recsys.storage import Lake

PAIRS = Partition("candidates.pairs", "2020-09-22")


def table(*values: int) -> pa.Table:
    return pa.table({"article_key": pa.array(values, pa.int32())})


def test_shards_add_up_to_a_partition_without_a_trace_of_what_was_counted(lake: Lake) -> None:
    with lake.write(PAIRS, fingerprint="f" * 64, resume=True) as draft:
        shards = Shards(lake, draft, 2)
        shards.put(1, table(3), {"popular": 1})
        assert shards.missing() == [0]
        shards.put(0, table(1, 2), {"popular": 2, "towers": 5})
        shards.conclude()
    assert lake.read(PAIRS).to_pydict() == {"article_key": [1, 2, 3]}
    manifest = lake.require(PAIRS)
    assert (manifest.rows, manifest.counts) == (3, {"popular": 3, "towers": 5})
    assert manifest.columns == {"article_key": "int32"}


def test_what_a_failed_run_wrote_is_there_for_the_next_of_the_same_fingerprint(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), lake.write(PAIRS, fingerprint="a", resume=True) as draft:
        Shards(lake, draft, 3).put(1, table(1))
        raise ZeroDivisionError
    assert lake.manifest(PAIRS) is None
    with lake.write(PAIRS, fingerprint="b", resume=True) as draft:
        assert Shards(lake, draft, 3).missing() == [0, 1, 2]
        draft.rows = 0
    # What is committed is all there is.
    assert len(lake.fs.ls(f"{lake.root}/{PAIRS.folder}")) == 2
    with pytest.raises(ZeroDivisionError), lake.write(PAIRS, fingerprint="a", resume=True) as draft:
        Shards(lake, draft, 3).put(1, table(1))
        raise ZeroDivisionError
    with lake.write(PAIRS, fingerprint="a", resume=True) as draft:
        shards = Shards(lake, draft, 3)
        assert shards.missing() == [0, 2]
        for number in shards.missing():
            shards.put(number, table(number))
        shards.conclude()
    assert lake.read(PAIRS)["article_key"].to_pylist() == [0, 1, 2]


def test_half_a_file_is_no_shard_and_goes_in_the_end(lake: Lake) -> None:
    with lake.write(PAIRS, fingerprint="a", resume=True) as draft:
        Path(draft.path, "part-00000.parquet.0f0f0f0f").write_bytes(b"PAR1")
        shards = Shards(lake, draft, 1)
        assert shards.missing() == [0]
        shards.put(0, table(1))
        shards.conclude()
        assert [path.name for path in Path(draft.path).iterdir()] == ["part-00000.parquet"]


def test_missing_and_unlike_shards_are_refused(lake: Lake) -> None:
    with lake.write(PAIRS, fingerprint="a", resume=True) as draft:
        shards = Shards(lake, draft, 2)
        shards.put(0, table(1))
        with pytest.raises(RecsysError, match=r"shards \[1\] are gone"):
            shards.conclude()
        pq.write_table(pa.table({"other": [1]}), f"{draft.path}/part-00001.parquet")
        with pytest.raises(DataError, match="must share one schema"):
            shards.conclude()
        draft.rows = 0
