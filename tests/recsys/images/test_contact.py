import base64
import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from recsys.images.contact import ContactSheet, nearest
from recsys.images.inventory import ImageFolder, Inventory, take_inventory
from recsys.images.matrix import Matrix

IDS = ["0100000001", "0200000001", "0300000001", "0400000001"]
#: The first and the third look alike, the second less so, the last the other way.
VECTORS = np.array([[2, 0], [1, 1], [5, 0.1], [-1, 0]], np.float32)


@pytest.fixture
def vectors(tmp_path) -> Matrix:
    return Matrix.write(tmp_path / "v.npy", [VECTORS], shape=VECTORS.shape)


@pytest.fixture
def articles() -> pa.Table:
    return pa.table(
        {
            "article_key": pa.array(range(2, 6), pa.int32()),
            "article_id": IDS,
            "prod_name": ["A top", "B top", "C top", None],
            "colour_group_name": ["Red", "Blue", "Black", "White"],
        }
    )


@pytest.fixture
def inventory(tmp_path, put_image, encode, articles) -> Inventory:
    for number, article_id in enumerate(IDS):
        put_image(article_id, encode((60 * number, 0, 0), format="JPEG", size=(200, 300)))
    return take_inventory(ImageFolder(str(tmp_path / "data")), articles)


def test_the_nearest_come_first_and_none_is_its_own(vectors):
    rows, cosines = nearest(vectors, np.array([0, 3]), limit=2)
    assert rows.tolist() == [[2, 1], [1, 2]]
    np.testing.assert_allclose(cosines, [[0.9998, 0.7071], [-0.7071, -0.9998]], atol=1e-4)


def test_ties_are_ordered_by_row(tmp_path):
    equal = np.ones((4, 2), np.float32)
    matrix = Matrix.write(tmp_path / "v.npy", [equal], shape=(4, 2))
    assert nearest(matrix, np.array([1]), limit=3)[0].tolist() == [[0, 2, 3]]


def test_a_row_is_an_article_and_its_nearest(tmp_path, inventory, vectors, articles):
    folder = ImageFolder(str(tmp_path / "data"))
    sheet = ContactSheet.of(folder, articles, max_pixels=100_000)
    rows = sheet.rows(inventory, vectors, seed=1)
    assert [p.article_id for p in rows[0]] == [IDS[0], IDS[2], IDS[1], IDS[3]]
    first, second = rows[0][:2]
    assert (first.caption, second.caption) == ("A top, Red", "C top, Black")
    assert second.score == pytest.approx(0.9998, abs=1e-4)
    header, _, data = second.source.partition(",")
    assert header == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (100, 150)


def test_a_file_that_went_away_leaves_a_gap(tmp_path, inventory, vectors, articles):
    folder = ImageFolder(str(tmp_path / "data"))
    (tmp_path / "data/images/030/0300000001.jpg").unlink()
    sheet = ContactSheet.of(folder, articles, max_pixels=100_000)
    sources = {p.article_id: p.source for p in sheet.rows(inventory, vectors, seed=1)[0]}
    assert [article_id for article_id, source in sources.items() if not source] == [IDS[2]]


@pytest.mark.parametrize("shape", [(0, 0), (1, 5), (4, 0)])
def test_without_vectors_to_compare_there_is_no_sheet(tmp_path, articles, shape):
    matrix = Matrix.write(tmp_path / "v.npy", [np.ones(shape)], shape=shape)
    sheet = ContactSheet.of(ImageFolder(str(tmp_path)), articles, max_pixels=1)
    assert sheet.rows(Inventory(), matrix, seed=1) == []
