"""A raw file is read again only if it may have changed."""

from pathlib import Path

import fsspec
import pytest

from recsys import remembered
from recsys.digest import sha256_of_file
from recsys.remembered import remembered_sha256
from recsys.storage import Lake


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read; any file counts as settled at once."""
    found: list[str] = []

    def read(file: str | Path) -> str:
        found.append(str(file))
        return sha256_of_file(file)

    monkeypatch.setattr(remembered, "sha256_of_file", read)
    monkeypatch.setattr(remembered, "SETTLED_S", -1.0)
    return found


def test_a_file_that_stays_is_read_once(lake: Lake, tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "articles.csv"
    file.write_text("one")
    digests = {remembered_sha256(lake, file) for _ in range(3)}
    assert digests == {sha256_of_file(file)}
    assert reads == [str(file)]
    assert remembered_sha256(lake, file, again=True) == sha256_of_file(file)
    assert len(reads) == 2


def test_other_contents_of_the_same_size_are_seen(
    lake: Lake, tmp_path: Path, reads: list[str]
) -> None:
    file = tmp_path / "articles.csv"
    file.write_text("one")
    first = remembered_sha256(lake, file)
    file.write_text("two")
    assert remembered_sha256(lake, file) == sha256_of_file(file) != first


def test_a_link_is_as_young_as_what_it_points_to(
    lake: Lake, tmp_path: Path, reads: list[str]
) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("one")
    link.symlink_to(target)
    remembered_sha256(lake, link)
    target.write_text("two")
    assert remembered_sha256(lake, link) == sha256_of_file(target)


def test_a_file_just_written_is_not_remembered(
    lake: Lake, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SETTLED_S", 60.0)
    file = tmp_path / "articles.csv"
    file.write_text("one")
    for _ in range(2):
        remembered_sha256(lake, file)
    assert len(reads) == 2


def test_a_store_that_names_no_contents_is_read_each_time(lake: Lake, reads: list[str]) -> None:
    with fsspec.open("memory://raw/articles.csv", "wb") as file:
        file.write(b"one")
    for _ in range(2):
        remembered_sha256(lake, "memory://raw/articles.csv")
    assert len(reads) == 2
