import numpy as np
import pytest

from recsys.images.store import VectorStore

A, B, C, D = (letter * 64 for letter in "abcd")


def vectors(*firsts: float) -> np.ndarray:
    made = np.zeros((len(firsts), 2048), np.float32)
    made[:, 0] = firsts
    return made


def firsts(store: VectorStore, *sha256s: str) -> list[float]:
    return store.take(sha256s)[:, 0].tolist()


def test_shards_and_earlier_vectors_are_found_by_their_image(tmp_path):
    np.save(tmp_path / "earlier.npy", vectors(1, 2))
    store = VectorStore(tmp_path / "scratch")
    store.remember(tmp_path / "earlier.npy", [A, B])
    store.add([C], vectors(3))
    assert [sha in store for sha in (A, B, C, D)] == [True, True, True, False]
    assert firsts(store, C, A, B, A) == [3, 1, 2, 1]
    assert store.take([]).shape == (0, 2048)


def test_the_next_run_finds_the_shards_and_no_half_of_one(tmp_path):
    store = VectorStore(tmp_path)
    store.add([A, B], vectors(1, 2))
    (tmp_path / "killed.part").write_bytes(b"half")
    later = VectorStore(tmp_path)
    assert [sha in later for sha in (A, B, C)] == [True, True, False]
    assert firsts(later, B) == [2]
    later.clear()
    assert not tmp_path.exists()


def test_blocks_come_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.images.store.BLOCK_ROWS", 2)
    store = VectorStore(tmp_path)
    store.add([A, B, C], vectors(1, 2, 3))
    assert [b[:, 0].tolist() for b in store.blocks([C, B, A])] == [[3, 2], [1]]


def test_an_image_without_a_vector_is_an_error(tmp_path):
    with pytest.raises(KeyError):
        VectorStore(tmp_path).take([A])
