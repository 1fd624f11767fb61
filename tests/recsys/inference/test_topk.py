"""The exact best articles, against sorting everything."""

import numpy as np
import pytest

from recsys.inference import topk
from recsys.inference.ragged import Ragged
from recsys.inference.topk import top_k


def brute_force(
    queries: np.ndarray, candidates: np.ndarray, k: int, allowed: np.ndarray, excluded: Ragged
) -> tuple[list[list[int]], list[list[float]]]:
    keys, scores = [], []
    for row, query in enumerate(queries):
        barred = set(excluded.take([row]).keys.tolist())
        found = [
            (-float(query @ candidates[key]), key)
            for key in range(len(candidates))
            if allowed[key] and key not in barred
        ]
        best = sorted(found)[:k] + [(np.inf, 0)] * max(0, k - len(found))
        keys.append([key for _, key in best])
        scores.append([-score for score, _ in best])
    return keys, scores


@pytest.mark.parametrize("k", [1, 7, 40, 300])
def test_it_equals_brute_force_with_ties_exclusions_and_small_blocks(
    k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topk, "BLOCK_QUERIES", 7)
    monkeypatch.setattr(topk, "BLOCK_CANDIDATES", 32)
    rng = np.random.default_rng(3)
    # Small whole numbers: products are exact, and ties are everywhere.
    queries = rng.integers(-2, 3, (20, 3)).astype(np.float32)
    candidates = rng.integers(-2, 3, (250, 3)).astype(np.float32)
    allowed = rng.random(250) < 0.8
    allowed[:2] = False
    excluded = Ragged.of([rng.choice(260, rng.integers(0, 60), False).tolist() for _ in queries])

    keys, scores = top_k(queries, candidates, k, allowed=allowed, excluded=excluded)

    expected_keys, expected_scores = brute_force(queries, candidates, k, allowed, excluded)
    assert keys.tolist() == expected_keys
    assert scores.tolist() == expected_scores
    assert (keys.dtype, scores.dtype) == (np.int32, np.float32)


def test_equal_scores_come_by_the_lower_key() -> None:
    candidates = np.ones((6, 1), np.float32)

    keys, _ = top_k(np.ones((1, 1), np.float32), candidates, 3, allowed=np.arange(6) > 1)

    assert keys.tolist() == [[2, 3, 4]]


def test_a_row_with_too_few_articles_ends_in_padding() -> None:
    candidates = np.array([[0], [0], [1], [2]], np.float32)
    allowed = np.array([False, False, True, True])

    keys, scores = top_k(
        np.ones((2, 1), np.float32), candidates, 3, allowed=allowed, excluded=Ragged.of([[3], []])
    )

    assert keys.tolist() == [[2, 0, 0], [3, 2, 0]]
    assert scores.tolist() == [[1, -np.inf, -np.inf], [2, 1, -np.inf]]


def test_nothing_on_sale_and_nobody_to_serve() -> None:
    vectors = np.ones((4, 1), np.float32)

    keys, _ = top_k(vectors, vectors, 2, allowed=np.zeros(4, bool))
    assert keys.tolist() == [[0, 0]] * 4
    keys, _ = top_k(vectors[:0], vectors, 2, allowed=np.ones(4, bool))
    assert keys.shape == (0, 2)
