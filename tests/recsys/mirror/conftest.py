"""A bucket with three files in it, and a record of what is read from it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.s3 import Store

from recsys.log import get_logger
from recsys.mirror import bucket as bucket_module
from recsys.mirror.bucket import Bucket, RemoteFile
from recsys.mirror.run import Outcome, mirror


@pytest.fixture
def store(s3: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The bucket with three files below `raw`, one beside it, and a console's mark of a folder."""
    monkeypatch.setattr(bucket_module, "ATTEMPTS", 1)
    s3.put("raw/articles.csv", b"article_id\n0108775015\n")
    s3.put("raw/images/010/0108775015.jpg", b"\xff\xd8 red", ChecksumAlgorithm="SHA256")
    s3.put("raw/empty.csv", b"")
    s3.put("raw/images/", b"")
    s3.put("raw-old/articles.csv", b"old")
    return s3


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The folder that is mirrored into; not there yet."""
    return tmp_path / "raw"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Names of objects in the order in which they are read, and the byte from which on."""
    read: list[tuple[str, int]] = []
    open_object = Bucket.open

    def record(self: Bucket, file: RemoteFile, start: int = 0) -> object:
        read.append((file.name, start))
        return open_object(self, file, start)

    monkeypatch.setattr(Bucket, "open", record)
    return read


@pytest.fixture
def run(target: Path) -> Callable[..., Outcome]:
    """Mirror `raw` of a store into the target."""

    def do(store: Store, *, delete: bool = False, workers: int = 4) -> Outcome:
        bucket = Bucket(f"{store.address}/raw", workers=workers)
        return mirror(
            bucket, target, workers=workers, delete=delete, logger=get_logger("mirror_raw")
        )

    return do


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the files of a target with their contents, without the mirror's own."""
    paths = [p for p in folder.rglob("*") if p.is_file()]
    names = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in names.items() if not name.startswith(".mirror/")}
