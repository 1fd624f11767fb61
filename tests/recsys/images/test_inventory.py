import os

import pyarrow as pa
import pytest

from recsys.images.inventory import ImageFolder, take_inventory

ARTICLES = pa.table(
    {
        "article_key": pa.array([4, 2, 3], pa.int32()),
        "article_id": ["0300000001", "0100000001", "0200000001"],
    }
)
#: sha256 of b"one" and b"three".
ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
THREE = "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"


@pytest.fixture
def folder(tmp_path, put_image) -> ImageFolder:
    put_image("0100000001", b"one")
    put_image("0300000001", b"three")
    put_image("0900000001", b"of no article")
    return ImageFolder(str(tmp_path / "data"))


def test_images_come_by_article_key_and_the_missing_are_named(folder):
    inventory = take_inventory(folder, ARTICLES)
    found = [(i.article_key, i.article_id, i.sha256) for i in inventory.images]
    assert found == [(2, "0100000001", ONE), (4, "0300000001", THREE)]
    assert inventory.rejected_table().to_pylist() == [
        {
            "reason": "image_missing",
            "file": "images/020/0200000001.jpg",
            "line": "0200000001",
        }
    ]


def test_without_a_folder_nothing_is_missing(tmp_path):
    (tmp_path / "data").mkdir()
    inventory = take_inventory(ImageFolder(str(tmp_path / "data")), ARTICLES)
    assert (inventory.images, inventory.rejected, inventory.has_folder) == ([], {}, False)
    assert inventory.listing().num_rows == inventory.rejected_table().num_rows == 0


def test_a_file_with_the_same_stamp_is_not_read_again(folder, monkeypatch):
    listing = take_inventory(folder, ARTICLES).listing()
    read = []
    monkeypatch.setattr(folder, "read", lambda article_id: read.append(article_id) or b"three")
    assert take_inventory(folder, ARTICLES, known=listing).listing() == listing
    assert read == []


def test_a_changed_file_is_read_again_and_changes_the_digest(folder, put_image):
    first = take_inventory(folder, ARTICLES)
    os.utime(put_image("0300000001", b"other"), (1, 1))
    second = take_inventory(folder, ARTICLES, known=first.listing())
    assert second.images[0] == first.images[0]
    assert second.images[1].sha256 != first.images[1].sha256
    assert second.digest != first.digest


def test_the_digest_is_of_contents_not_of_times(folder, put_image):
    first = take_inventory(folder, ARTICLES)
    os.utime(put_image("0300000001", b"three"), (1, 1))
    assert take_inventory(folder, ARTICLES).digest == first.digest


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    def fail(article_id: str) -> bytes:
        raise PermissionError(article_id)

    monkeypatch.setattr(folder, "read", fail)
    assert take_inventory(folder, ARTICLES).rejected == {
        "0100000001": "image_unreadable",
        "0200000001": "image_missing",
        "0300000001": "image_unreadable",
    }
