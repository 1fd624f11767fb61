"""One object into one file: resumed where it broke off, checked, then put in place at once."""

import hashlib
import os
from pathlib import Path
from threading import Event
from typing import Any

from botocore.exceptions import (
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from recsys.errors import RecsysError
from recsys.faults import ObjectError
from recsys.mirror.bucket import Bucket, RemoteFile
from recsys.mirror.checksum import DamagedError, Stated, verify
from recsys.mirror.index import Entry

BLOCK_BYTES = 1 << 20
#: How often a stream may break off without bringing a byte before its object is given up.
ATTEMPTS = 3
#: How a stream breaks off.
BROKEN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


class StoppedError(RecsysError):
    """Another object's error ended the run."""


def entry_of(file: RemoteFile, path: Path) -> Entry | None:
    """Return the entry of a file that holds the object; None where it cannot be it."""
    if path.is_symlink() or not path.is_file():
        return None
    stat = path.stat()
    return Entry(file.etag, stat.st_size, stat.st_mtime_ns) if stat.st_size == file.size else None


def is_same(bucket: Bucket, file: RemoteFile, path: Path) -> bool:
    """Return whether a file that nobody noted holds the object, by a checksum."""
    if entry_of(file, path) is None:
        return False
    try:
        stated = bucket.describe(file)
        return verify(path, stated, bucket.part_sizes(file, stated.parts))
    except DamagedError:
        return False


def fetch(bucket: Bucket, file: RemoteFile, path: Path, *, parts: Path, stop: Event) -> bool:
    """Bring an object to `path`; return whether a checksum, and not only its size, was compared.

    What has arrived lies in the folder `parts` until it is whole, and a later run goes on there.

    Raises:
        ObjectError: the object changed while it was read, or arrived damaged.
        RecsysError: the store cannot be reached.
        OSError: the file cannot be written.
    """
    # The ETag is in the name: a new version of the object never goes on with bytes of the old one.
    part = parts / hashlib.sha256(f"{file.key}\n{file.etag}".encode()).hexdigest()
    try:
        stated = _download(bucket, file, part, stop)
        is_checked = verify(part, stated, bucket.part_sizes(file, stated.parts))
    except (DamagedError, FlexibleChecksumError) as error:
        part.unlink()
        address = f"s3://{bucket.name}/{file.key}"
        raise ObjectError(f"{address} arrived damaged: {error}: run again") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)
    return is_checked


def _download(bucket: Bucket, file: RemoteFile, part: Path, stop: Event) -> Stated:
    """Bring the rest of the object into `part` and return what the store says of the whole."""
    failures = 0
    while True:
        start = _size(part)
        try:
            return _read_from(start, bucket, file, part, stop)
        except BROKEN as error:
            failures = failures + 1 if _size(part) == start else 0
            if failures == ATTEMPTS:
                with bucket.explained(file):
                    raise error


def _read_from(start: int, bucket: Bucket, file: RemoteFile, part: Path, stop: Event) -> Stated:
    if start and start >= file.size:
        return bucket.describe(file)
    answer = bucket.open(file, start)
    # A store may not know ranges, and then sends everything.
    is_rest = start > 0 and "ContentRange" in answer
    with part.open("ab" if is_rest else "wb") as target:
        while block := _read(answer["Body"], stop):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return bucket.describe(file) if is_rest else Stated.of(answer, size=file.size)


def _read(body: Any, stop: Event) -> bytes:
    if stop.is_set():
        raise StoppedError("stopped")
    block: bytes = body.read(BLOCK_BYTES)
    return block


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
