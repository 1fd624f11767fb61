import io
from pathlib import Path

import numpy as np
import pytest

from recsys.images.matrix import Matrix


@pytest.mark.parametrize("rows", [0, 1, 1024, 2500])
def test_what_is_written_in_blocks_is_what_numpy_saves(tmp_path, rows):
    data = np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32)
    path = tmp_path / "m.npy"
    matrix = Matrix.write(path, np.array_split(data, 3), shape=(rows, 3))
    saved = io.BytesIO()
    np.save(saved, data)
    assert path.read_bytes() == saved.getvalue()
    assert matrix.shape == (rows, 3)
    sizes = [len(block) for block in matrix.blocks()]
    assert sizes == {0: [], 1: [1], 1024: [1024], 2500: [1024, 1024, 452]}[rows]
    assert np.array_equal(np.concatenate([*matrix.blocks(), data[:0]]), data)


def test_rows_are_taken_in_the_order_asked(tmp_path):
    data = np.arange(12, dtype=np.float32).reshape(4, 3)
    matrix = Matrix.write(tmp_path / "m.npy", [data], shape=(4, 3))
    assert matrix.take(np.array([2, 0])).tolist() == [[6, 7, 8], [0, 1, 2]]


def test_blocks_of_too_few_rows_are_an_error(tmp_path: Path) -> None:
    blocks = [np.ones((2, 3), np.float32)]
    with pytest.raises(ValueError, match="was to have 5 rows, and got 2"):
        Matrix.write(tmp_path / "m.npy", blocks, shape=(5, 3))
