"""One object's way: damage on it is noticed, a broken stream is taken up again."""

import io
import os
from threading import Event
from types import SimpleNamespace

import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError
from tests.recsys.mirror.conftest import files_below

from recsys.errors import RecsysError
from recsys.mirror import transfer
from recsys.mirror.bucket import Bucket
from recsys.mirror.run import Outcome

MIB = 1 << 20


def spoil(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Change each answer of the store to a GET."""
    open_object = Bucket.open

    def changed(self, file, start=0):
        return change(dict(open_object(self, file, start)))

    monkeypatch.setattr(Bucket, "open", changed)


def flip_a_bit(answer: dict) -> dict:
    content = bytearray(answer["Body"].read())
    content[len(content) // 2] ^= 1
    return answer | {"Body": io.BytesIO(content)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "arrived damaged: expected md5 "),
        ({"ChecksumAlgorithm": "SHA256"}, "arrived damaged: expected sha256 "),
    ],
    ids=["md5", "sha256"],
)
def test_a_damaged_object_never_lands(s3, target, run, monkeypatch, options, message):
    s3.put("raw/a.csv", b"0123456789", **options)
    with monkeypatch.context() as patch:
        spoil(patch, flip_a_bit)
        with pytest.raises(RecsysError, match=message) as caught:
            run(s3)
    assert caught.value.exit_code == 1
    assert f"{s3.address}/raw/a.csv" in str(caught.value)
    assert files_below(target) == {}
    assert run(s3).fetched == 1
    assert files_below(target) == {"a.csv": b"0123456789"}


def test_what_boto3_itself_finds_damaged_is_told_the_same_way(s3, target, run, monkeypatch):
    s3.put("raw/a.csv", b"0123456789", ChecksumAlgorithm="SHA256")

    def forge(answer: dict) -> dict:
        answer["Body"]._checksum.update(b"more")
        return answer

    spoil(monkeypatch, forge)
    with pytest.raises(RecsysError, match=r"raw/a\.csv arrived damaged: Expected checksum"):
        run(s3)
    assert files_below(target) == {}


def test_a_short_object_never_lands(s3, target, run, monkeypatch):
    s3.put("raw/a.csv", b"0123456789")
    spoil(monkeypatch, lambda answer: answer | {"Body": io.BytesIO(b"0123")})
    with pytest.raises(RecsysError, match="expected 10 bytes, got 4"):
        run(s3)
    assert files_below(target) == {}


@pytest.mark.parametrize(
    "parts",
    [(6 * MIB, 6 * MIB, 5), (6 * MIB, 5 * MIB, 5), (5,)],
    ids=["even", "uneven", "one"],
)
def test_objects_of_several_parts_are_verified(s3, target, run, monkeypatch, caplog, parts):
    contents = [os.urandom(size) for size in parts]
    s3.put_parts("raw/big.bin", *contents)
    with monkeypatch.context() as patch:
        spoil(patch, flip_a_bit)
        with pytest.raises(RecsysError, match=rf"expected ETag \w{{32}}-{len(parts)}, got"):
            run(s3)
    size = sum(parts)
    assert run(s3) == Outcome(objects=1, fetched=1, fetched_bytes=size, size_only=0)
    assert files_below(target) == {"big.bin": b"".join(contents)}
    assert [r.message for r in caplog.records if r.name.startswith("recsys")] == []


def test_a_store_that_tells_no_parts_is_not_believed_in_silence(
    s3, target, run, monkeypatch, caplog
):
    s3.put_parts("raw/big.bin", os.urandom(6 * MIB), b"end")
    monkeypatch.setattr(Bucket, "_part", lambda *_: {"ContentLength": 6 * MIB + 3})
    assert run(s3).size_only == 1
    said = [r.message for r in caplog.records if r.name.startswith("recsys")]
    assert said == ["raw/big.bin: the store has no checksum to compare, only a size"]
    # And what cannot be compared is not taken for the same.
    (target / ".mirror" / "index.jsonl").unlink()
    assert run(s3).fetched == 1


class Breaking:
    """A body that breaks off after its first block."""

    def __init__(self, body, error: Exception) -> None:
        self.body, self.error, self.blocks = body, error, 0

    def read(self, size: int) -> bytes:
        self.blocks += 1
        if self.blocks > 1:
            raise self.error
        return self.body.read(size)


@pytest.mark.parametrize(
    "error",
    [
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ReadTimeoutError(endpoint_url="http://store"),
    ],
    ids=["cut", "slow"],
)
def test_a_stream_that_breaks_off_is_taken_up_by_its_range(
    s3, target, run, reads, monkeypatch, error
):
    content = os.urandom(3 * MIB)
    s3.put("raw/big.bin", content)
    spoil(monkeypatch, lambda answer: answer | {"Body": Breaking(answer["Body"], error)})
    assert run(s3).fetched == 1
    assert reads == [("big.bin", 0), ("big.bin", MIB), ("big.bin", 2 * MIB)]
    assert files_below(target) == {"big.bin": content}


def test_a_stream_that_brings_nothing_is_given_up(s3, target, run, reads, monkeypatch):
    s3.put("raw/big.bin", os.urandom(3))
    error = IncompleteReadError(actual_bytes=0, expected_bytes=3)

    def break_at_once(body, stop):
        raise error

    monkeypatch.setattr(transfer, "_read", break_at_once)
    with pytest.raises(RecsysError, match="cannot reach the object store at http") as caught:
        run(s3)
    assert caught.value.exit_code == 1
    assert reads == [("big.bin", 0)] * 3


def test_a_store_without_ranges_sends_everything_again(s3, target, run, reads, monkeypatch):
    content = os.urandom(3 * MIB)
    s3.put("raw/big.bin", content)
    error = IncompleteReadError(actual_bytes=1, expected_bytes=2)
    open_object, breaks = Bucket.open, [True, False]

    def whole(self, file, start=0):
        answer = dict(open_object(self, file, 0))
        answer.pop("ContentRange", None)
        is_broken = breaks.pop(0)
        return answer | {"Body": Breaking(answer["Body"], error)} if is_broken else answer

    monkeypatch.setattr(Bucket, "open", whole)
    assert run(s3).fetched == 1
    assert files_below(target) == {"big.bin": content}


def test_a_stopped_thread_reads_no_further():
    stop = Event()
    body = SimpleNamespace(read=lambda size: b"x")
    assert transfer._read(body, stop) == b"x"
    stop.set()
    with pytest.raises(transfer.StoppedError):
        transfer._read(body, stop)
