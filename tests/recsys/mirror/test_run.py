"""What a mirror brings, what it leaves, and how it goes on after it was stopped."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.recsys.mirror.conftest import files_below

from recsys.config import REPOSITORY
from recsys.errors import ConfigError, DataError, RecsysError
from recsys.mirror import transfer
from recsys.mirror.bucket import Bucket, RemoteFile
from recsys.mirror.index import open_index
from recsys.mirror.run import Outcome

THREE = {
    "articles.csv": b"article_id\n0108775015\n",
    "images/010/0108775015.jpg": b"\xff\xd8 red",
    "empty.csv": b"",
}
MIB = 1 << 20


def test_every_object_below_the_prefix_arrives(store, target, run):
    assert run(store) == Outcome(objects=3, fetched=3, fetched_bytes=28)
    assert files_below(target) == THREE


def test_a_whole_bucket_is_mirrored_by_its_name_alone(store, target, run):
    bucket = Bucket(store.address)
    assert sorted(file.name for file in bucket.list_files()) == [
        "raw-old/articles.csv",
        "raw/articles.csv",
        "raw/empty.csv",
        "raw/images/010/0108775015.jpg",
    ]


def test_a_listing_of_several_pages_is_read_to_its_end(s3):
    for number in range(5):
        s3.put(f"raw/images/{number}.jpg", b"x")
    bucket = Bucket(f"{s3.address}/raw")
    sizes = []

    def page(params: dict, **_: object) -> None:
        params["MaxKeys"] = 2
        sizes.append(2)

    bucket._client.meta.events.register("provide-client-params.s3.ListObjectsV2", page)
    assert [file.name for file in bucket.list_files()] == [f"images/{n}.jpg" for n in range(5)]
    assert len(sizes) == 3


def test_names_of_every_kind_arrive(s3, target, run):
    s3.put("raw/räksmörgås & co/a b+c%41#?.csv", b"1")
    assert run(s3).fetched == 1
    assert files_below(target) == {"räksmörgås & co/a b+c%41#?.csv": b"1"}


def test_a_second_run_reads_nothing(store, target, run, reads):
    run(store)
    stamps = {name: (target / name).stat().st_mtime_ns for name in THREE}
    reads.clear()
    assert run(store) == Outcome(objects=3, unchanged=3)
    assert reads == []
    assert {name: (target / name).stat().st_mtime_ns for name in THREE} == stamps


def test_only_a_changed_object_is_read_again(store, target, run, reads):
    run(store)
    reads.clear()
    # Of the same size: only the ETag tells them apart.
    store.put("raw/images/010/0108775015.jpg", b"\xff\xd8 red"[::-1])
    assert run(store) == Outcome(objects=3, fetched=1, fetched_bytes=6, unchanged=2)
    assert reads == [("images/010/0108775015.jpg", 0)]
    assert files_below(target) == THREE | {"images/010/0108775015.jpg": b"der \xd8\xff"}


@pytest.mark.parametrize("content", [b"article_id\n0999999999\n", b"", None], ids=repr)
def test_a_file_that_was_touched_is_brought_back(store, target, run, content):
    run(store)
    path = target / "articles.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert run(store) == Outcome(objects=3, fetched=1, fetched_bytes=22, unchanged=2)
    assert files_below(target) == THREE


def test_a_reader_of_the_old_file_is_not_disturbed(store, target, run):
    run(store)
    with (target / "articles.csv").open("rb") as reader:
        store.put("raw/articles.csv", b"newer")
        run(store)
        assert reader.read() == THREE["articles.csv"]
    assert (target / "articles.csv").read_bytes() == b"newer"


def test_a_link_is_replaced_and_not_written_through(store, target, run, tmp_path):
    (tmp_path / "mine.csv").write_bytes(THREE["articles.csv"])
    target.mkdir()
    (target / "articles.csv").symlink_to(tmp_path / "mine.csv")
    assert run(store).fetched == 3
    assert not (target / "articles.csv").is_symlink()
    store.put("raw/articles.csv", b"newer")
    run(store)
    assert (tmp_path / "mine.csv").read_bytes() == THREE["articles.csv"]


def test_files_that_were_brought_by_other_means_are_taken_over(store, target, run, reads):
    for name, content in THREE.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    assert run(store) == Outcome(objects=3, unchanged=3)
    assert reads == []


def test_a_file_whose_object_is_gone_stays_unless_told_otherwise(store, target, run):
    run(store)
    (target / "mine.txt").write_bytes(b"not of the bucket")
    store.delete("raw/images/010/0108775015.jpg")
    assert run(store) == Outcome(objects=2, unchanged=2, kept=1)
    assert files_below(target) == THREE | {"mine.txt": b"not of the bucket"}
    assert run(store, delete=True) == Outcome(objects=2, unchanged=2, removed=1)
    assert sorted(p.name for p in target.iterdir()) == [
        ".mirror", "articles.csv", "empty.csv", "mine.txt",
    ]  # fmt: skip
    assert run(store, delete=True) == Outcome(objects=2, unchanged=2)


def test_an_empty_listing_deletes_nothing(store, target, run):
    run(store)
    for key in store.keys("raw/"):
        store.delete(key)
    with pytest.raises(ConfigError, match=r"no object below s3://test-\w+/raw at http"):
        run(store, delete=True)
    assert files_below(target) == THREE


def test_another_address_needs_another_folder(store, target, run, tmp_path):
    run(store)
    with (
        pytest.raises(ConfigError, match=r"mirrors s3://test-\w+/raw, not s3://other"),
        open_index(target, "s3://other"),
    ):
        pass


def test_two_runs_do_not_write_into_one_folder(store, target, run):
    with (
        open_index(target, f"{store.address}/raw"),
        pytest.raises(RecsysError, match="another run mirrors into") as caught,
    ):
        run(store)
    assert caught.value.exit_code == 1
    assert files_below(target) == {}


@pytest.mark.parametrize(
    "key", ["raw/../../evil", "raw//etc/evil", "raw/a/./evil", "raw/.mirror/index.jsonl", "raw/a/"]
)
def test_keys_never_lead_out_of_the_target(store, target, run, key, tmp_path):
    store.put(key, b"evil")
    with pytest.raises(DataError, match="is no path of a file below a folder") as caught:
        run(store)
    assert repr(key) in str(caught.value)
    assert not list(tmp_path.rglob("*"))


def test_links_never_lead_out_of_the_target(store, target, run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target.mkdir()
    (target / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"leads out of .* by a link"):
        run(store)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_deletion_never_follows_a_link(store, target, run, tmp_path):
    run(store)
    store.delete("raw/images/010/0108775015.jpg")
    (target / "images").rename(tmp_path / "elsewhere")
    (target / "images").symlink_to(tmp_path / "elsewhere")
    assert run(store, delete=True).removed == 1
    assert (tmp_path / "elsewhere/010/0108775015.jpg").is_file()


def test_an_object_below_an_object_is_refused(store, run):
    store.put("raw/articles.csv/more", b"x")
    with pytest.raises(DataError, match=r"articles.csv/more' lies below another object"):
        run(store)


def test_an_object_that_changed_after_the_listing_is_told_and_the_others_arrive(
    store, target, run, monkeypatch
):
    list_files = Bucket.list_files

    def change(self: Bucket) -> list[RemoteFile]:
        files = list_files(self)
        store.put("raw/articles.csv", b"newer")
        store.delete("raw/empty.csv")
        return files

    monkeypatch.setattr(Bucket, "list_files", change)
    with pytest.raises(RecsysError) as caught:
        run(store)
    assert caught.value.exit_code == 1
    assert sorted(str(caught.value).split("; ")) == [
        f"{store.address}/raw/{name} changed while it was read: run again"
        for name in ("articles.csv", "empty.csv")
    ]
    assert set(files_below(target)) == {"images/010/0108775015.jpg"}


def test_one_error_of_the_machine_stops_all(store, target, run, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigError, match="cannot write /full: No space left on device"):
        run(store)
    assert files_below(target) == {}


class Endless:
    """A body that never ends."""

    def read(self, size: int) -> bytes:
        time.sleep(0.01)
        return b"x"


@pytest.mark.timeout(20)
def test_one_error_of_the_store_stops_also_what_is_on_its_way(s3, target, run, monkeypatch):
    s3.put("raw/a.bin", b"aa")
    s3.put("raw/b.bin", b"b")

    def answer(self: Bucket, file: RemoteFile, start: int = 0) -> dict:
        if file.name == "b.bin":
            raise ConfigError("no permission")
        return {"Body": Endless(), "ETag": file.etag}

    monkeypatch.setattr(Bucket, "open", answer)
    with pytest.raises(ConfigError, match="no permission"):
        run(s3, workers=2)
    assert files_below(target) == {}


KILLED = """
import os, signal, sys
from jobs.mirror_raw import main
from recsys.mirror import transfer

blocks = 0
read = transfer._read

def die(body, stop):
    global blocks
    blocks += 1
    if blocks == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(body, stop)

transfer._read = die
main(sys.argv[1:])
"""


def test_a_killed_run_goes_on_where_it_was(s3, target, run, reads, monkeypatch):
    whole = {"a.bin": os.urandom(7 * MIB), "b.bin": os.urandom(6 * MIB), "small.csv": b"1"}
    for name, content in whole.items():
        s3.put(f"raw/{name}", content)
    # The largest first: seven blocks and the empty one that ends it, then three of the next.
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, f"--from={s3.address}/raw", f"--to={target}", "--workers=1"],
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}/include:{REPOSITORY}"},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert files_below(target) == {"a.bin": whole["a.bin"]}
    asked: list[str] = []
    describe = Bucket.describe

    def record(self: Bucket, file: RemoteFile) -> object:
        asked.append(file.name)
        return describe(self, file)

    monkeypatch.setattr(Bucket, "describe", record)
    fetched_bytes = 6 * MIB + 1
    assert run(s3, workers=1) == Outcome(
        objects=3, fetched=2, fetched_bytes=fetched_bytes, unchanged=1
    )
    assert reads == [("b.bin", 3 * MIB), ("small.csv", 0)]
    assert asked == ["b.bin"]
    assert files_below(target) == whole
    assert not (target / ".mirror" / "parts").exists()


def test_finished_files_of_a_stopped_run_are_not_read_again(s3, target, run, reads, monkeypatch):
    s3.put("raw/a.bin", b"a" * 30)
    s3.put("raw/b.bin", b"b" * 20)
    s3.put("raw/c.bin", b"c" * 10)
    fsync, calls = os.fsync, []

    def stop(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise KeyboardInterrupt
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        run(s3, workers=1)
    assert set(files_below(target)) == {"a.bin"}
    reads.clear()
    assert run(s3, workers=1).fetched == 2
    # All twenty bytes of b.bin had come: there is nothing left to read of it.
    assert reads == [("c.bin", 0)]


def test_an_index_with_a_torn_line_is_read(store, target, run, reads):
    run(store)
    index = target / ".mirror" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-20])
    reads.clear()
    assert run(store) == Outcome(objects=3, unchanged=3)
    assert reads == []


def test_half_of_an_older_version_is_not_gone_on_with(s3, target, run, reads, monkeypatch):
    s3.put("raw/a.bin", b"a" * (3 * MIB))
    read, blocks = transfer._read, []

    def stop(body: object, event: object) -> bytes:
        blocks.append(1)
        if len(blocks) == 3:
            raise KeyboardInterrupt
        return read(body, event)

    monkeypatch.setattr(transfer, "_read", stop)
    with pytest.raises(KeyboardInterrupt):
        run(s3)
    s3.put("raw/a.bin", b"b" * (3 * MIB))
    reads.clear()
    assert run(s3).fetched == 1
    assert reads == [("a.bin", 0)]
    assert files_below(target) == {"a.bin": b"b" * (3 * MIB)}
