"""Exact scores do not depend on what else is scored, and are put in order, equal ones by key."""

import numpy as np
import pytest

from recsys.inference.topk_exact import dots, in_order, key_of, score_of


@pytest.mark.parametrize("dim", [1, 15, 16, 37, 64])
def test_dot_products_are_the_same_wherever_a_row_stands(dim: int) -> None:
    rng = np.random.default_rng(dim)
    one, others = rng.standard_normal(dim), rng.standard_normal((40, dim)).astype(np.float32)
    expected = np.zeros(40, np.float32)
    for key in range(40):
        dots(one, others, np.array([key], np.int32), expected[key:])
    np.testing.assert_allclose(expected, others.astype(np.float64) @ one, rtol=1e-5, atol=1e-6)
    for count in range(10):
        keys = rng.integers(0, 40, count).astype(np.int32)
        found = np.full(count + 1, 7, np.float32)
        dots(one, others, keys, found)
        assert found.tolist() == [*expected[keys], 7]


@pytest.mark.parametrize("values", [3, 1_000_000])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_the_best_are_in_order_and_equal_ones_by_key(count: int, values: int) -> None:
    rng = np.random.default_rng(count)
    scores = np.full(256, np.inf, np.float32)  # what is behind the last must not matter
    scores[:count] = rng.permutation(rng.integers(-values, values, count)) / np.float32(values)
    keys = rng.permutation(1000)[:count].astype(np.int32)
    before = scores[:count].copy()
    for k in (1, 10, 100, 250):
        best = np.zeros(k, np.int64)
        kept = in_order(scores, keys, best)
        order = np.lexsort((keys, -before))[:k]
        assert kept == min(count, k)
        assert [key_of(code) for code in best[:kept]] == keys[order].tolist()
        assert [score_of(code) for code in best[:kept]] == before[order].tolist()
