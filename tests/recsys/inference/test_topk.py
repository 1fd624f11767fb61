"""The exact best articles, against sorting everything, by each way of scoring coarsely."""

from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recsys.inference.units import kernel_in_software

from recsys.errors import DataError
from recsys.inference import topk, topk_coarse
from recsys.inference.ragged import Ragged
from recsys.inference.topk import Nearest, top_k
from recsys.inference.topk_exact import code_of, key_of, score_of
from recsys.inference.topk_instructions import has_matrix_unit, has_vnni
from recsys.inference.topk_packed import Packed

Result = tuple[np.ndarray, np.ndarray]


# What this processor lacks would kill the process, and runs in software alone.
HERE = [*(["amx"] if has_matrix_unit() else []), *(["vnni"] if has_vnni() else []), "blas"]


@pytest.fixture(scope="module")
def software() -> dict[str, Any]:
    return kernel_in_software()


@pytest.fixture(params=[*HERE, "amx in software", "vnni in software"], autouse=True)
def unit(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, software: dict[str, Any]
) -> None:
    name = request.param.removesuffix(" in software")
    monkeypatch.setattr(topk_coarse, "has_vnni", lambda: name != "blas")
    monkeypatch.setattr(topk_coarse, "has_matrix_unit", lambda: name == "amx")
    if name != request.param:
        for used, instead in software.items():
            monkeypatch.setattr(topk_coarse, used, instead)
        monkeypatch.setattr("recsys.threads.os.cpu_count", lambda: 1)


def sort_everything(
    queries: np.ndarray, candidates: np.ndarray, k: int, allowed: np.ndarray, excluded: Ragged
) -> Result:
    """Return keys and scores by float64 products, rounded once and sorted."""
    scores = (queries.astype(np.float64) @ candidates.astype(np.float64).T).astype(np.float32)
    scores[:, ~allowed] = -np.inf
    for row in range(len(queries)):
        barred = excluded.take([row]).keys
        scores[row, barred[barred < len(candidates)]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    missing = ((0, 0), (0, k - order.shape[1]))
    keys = np.pad(np.where(np.isneginf(best), 0, order), missing)
    return keys, np.pad(best, missing, constant_values=-np.inf)


def check(
    queries: np.ndarray,
    candidates: np.ndarray,
    k: int,
    allowed: np.ndarray | None = None,
    excluded: Ragged | None = None,
) -> Result:
    """Assert that the result is that of sorting everything, and return it."""
    allowed = np.ones(len(candidates), bool) if allowed is None else allowed
    keys, scores = top_k(queries, candidates, k, allowed=allowed, excluded=excluded)
    expected = sort_everything(queries, candidates, k, allowed, excluded or Ragged.of([[]]))
    np.testing.assert_array_equal(scores, expected[1])
    np.testing.assert_array_equal(keys, expected[0])
    assert (keys.dtype, scores.dtype) == (np.int32, np.float32)
    return keys, scores


def directions(rng: np.random.Generator, count: int, dim: int, *, kinds: int = 0) -> np.ndarray:
    """Return vectors of length 1, close to a few of them where `kinds` is given."""
    vectors = rng.standard_normal((count, dim))
    if kinds:
        vectors = rng.standard_normal((kinds, dim))[rng.integers(0, kinds, count)] + vectors / 20
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 7, 40, 300])
def test_ties_everywhere_and_exclusions(k: int) -> None:
    rng = np.random.default_rng(3)
    # Small whole numbers: products are exact, and ties are everywhere.
    queries = rng.integers(-2, 3, (150, 3)).astype(np.float32)
    candidates = rng.integers(-2, 3, (2500, 3)).astype(np.float32)
    allowed = rng.random(2500) < 0.8
    allowed[:2] = False
    excluded = Ragged.of([rng.choice(2600, rng.integers(0, 60), False).tolist() for _ in queries])
    check(queries, candidates, k, allowed, excluded)


@pytest.mark.parametrize("dim", [1, 31, 32, 33, 64, 200])
@pytest.mark.parametrize("kinds", [0, 20])
def test_close_scores_at_any_width(dim: int, kinds: int) -> None:
    rng = np.random.default_rng(dim)
    queries = directions(rng, 140, dim, kinds=kinds)
    candidates = directions(rng, 5000, dim, kinds=kinds)
    excluded = Ragged.of_matrix(np.argsort(-(queries @ candidates.T), axis=1)[:, :50].astype("i4"))
    check(queries, candidates, 100, excluded=excluded)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 40), st.integers(0, 1500), st.integers(1, 70)),
    k=st.integers(0, 130),
    share=st.floats(0, 1),
    powers=st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    copies=st.integers(1, 50),
)
def test_it_is_what_sorting_everything_gives(
    seed: int,
    shape: tuple[int, int, int],
    k: int,
    share: float,
    powers: tuple[int, int],
    copies: int,
) -> None:
    rng, (n, a, dim) = np.random.default_rng(seed), shape
    queries = (rng.standard_normal((n, dim)) * 10.0 ** powers[0]).astype(np.float32)
    # Lengths differ by the thousand, and some articles are copies of others.
    spread = np.exp(rng.normal(0, 2, (a, 1))) * 10.0 ** powers[1]
    candidates = (rng.standard_normal((a, dim)) * spread).astype(np.float32)
    candidates = candidates[rng.integers(0, max(1, a // copies), a)] if a else candidates
    lengths = rng.integers(0, 80, rng.integers(0, n + 1))
    excluded = Ragged.of([rng.integers(0, a + 5, length).tolist() for length in lengths])
    check(queries, candidates, k, rng.random(a) < share, excluded)


def test_where_the_best_come_first_the_bar_was_too_high_and_the_search_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again, search = [], topk_coarse.search

    def watched(*task: Any) -> Any:
        found = search(*task)
        again.extend(found.tolist())
        return found

    monkeypatch.setattr(topk_coarse, "search", watched)
    rng = np.random.default_rng(6)
    candidates = directions(rng, 20_000, 16)
    first = np.random.default_rng(0).permutation(len(candidates))[:200]
    queries = directions(rng, 40, 16)
    # Every third query finds its best among the first that are looked at.
    candidates[first] += 5 * queries[::3].mean(axis=0)
    check(queries, candidates, 100)
    assert 0 < len(again) < 40


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_all_equal_vectors_come_by_key(value: float) -> None:
    candidates = np.full((3000, 5), value, np.float32)
    keys, _ = check(np.ones((3, 5), np.float32), candidates, 100, excluded=Ragged.of([[0, 2]]))
    assert keys[0, :3].tolist() == [1, 3, 4]
    assert keys[1].tolist() == list(range(100))


def test_scores_that_differ_in_the_last_bit_only() -> None:
    rng = np.random.default_rng(5)
    one = directions(rng, 1, 64)
    candidates = np.repeat(one, 4000, axis=0)
    nudged = rng.random(candidates.shape) < 0.02
    candidates[nudged] = np.nextafter(candidates[nudged], np.float32(1))
    _, scores = check(one, candidates, 100)
    assert len(np.unique(scores)) < 20


def test_minus_zero_is_zero() -> None:
    # The first product is below zero, and -0.0 as a float32.
    candidates = np.array([[-1e-30], [0.0], [1e-30], [-1.0]], np.float32)
    keys, scores = check(np.full((1, 1), 1e-30, np.float32), candidates, 4)
    assert keys.tolist() == [[0, 1, 2, 3]]
    assert not np.signbit(scores[0, :3]).any()


def test_a_row_with_too_few_articles_ends_in_padding() -> None:
    candidates = np.array([[0], [0], [1], [2]], np.float32)
    allowed = np.array([False, False, True, True])

    keys, scores = top_k(
        np.ones((2, 1), np.float32), candidates, 3, allowed=allowed, excluded=Ragged.of([[3], []])
    )

    assert keys.tolist() == [[2, 0, 0], [3, 2, 0]]
    assert scores.tolist() == [[1, -np.inf, -np.inf], [2, 1, -np.inf]]


@pytest.mark.parametrize("value", [0.0, 1e-33, -1e-33, 1.0])
def test_fewer_articles_than_wanted_though_they_have_no_length(value: float) -> None:
    candidates = np.full((300, 4), value, np.float32)
    keys, _ = check(np.ones((2, 4), np.float32), candidates, 310)
    assert keys[0].tolist() == [*range(300), *[0] * 10]


def test_nothing_on_sale_and_nobody_to_serve() -> None:
    vectors = np.ones((4, 1), np.float32)

    keys, scores = top_k(vectors, vectors, 2, allowed=np.zeros(4, bool))
    assert keys.tolist() == [[0, 0]] * 4
    assert np.isneginf(scores).all()
    keys, _ = top_k(vectors[:0], vectors, 2, allowed=np.ones(4, bool))
    assert keys.shape == (0, 2)


def test_threads_and_splits_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    queries, candidates = directions(rng, 2500, 48), directions(rng, 3000, 48, kinds=9)
    allowed = rng.random(3000) < 0.9
    whole = top_k(queries, candidates, 20, allowed=allowed)
    monkeypatch.setattr("recsys.threads.os.cpu_count", lambda: 1)
    monkeypatch.setattr(topk, "SPAN", 77)
    again = top_k(queries, candidates, 20, allowed=allowed)
    nearest = Nearest(candidates, allowed=allowed)
    pieces = [nearest.top_k(queries[rows], 20) for rows in np.array_split(np.arange(2500), 7)]
    for part in range(2):
        joined = np.concatenate([piece[part] for piece in pieces])
        assert whole[part].tobytes() == again[part].tobytes() == joined.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("where", [0, 17, 39])
def test_vectors_without_a_product_are_refused(value: float, where: int) -> None:
    candidates = np.ones((40, 2), np.float32)
    candidates[where, 1] = value
    queries = np.full((1, 2), 2, np.float32)
    with pytest.raises(DataError, match="top_k expects finite vectors"):
        top_k(queries, candidates, 1, allowed=np.ones(40, bool))
    # What is not on sale may be anything.
    others = np.arange(40) != where
    assert top_k(queries, candidates, 1, allowed=others)[0].tolist() == [[int(where == 0)]]


def test_codes_rise_as_scores_fall_and_then_by_key() -> None:
    scores = np.array([3, 3, 0.5, 0, -1e-40, -2, -np.inf], np.float32)
    keys = np.array([7, 2**31 - 1, 3, 0, 5, 1, 0], np.int32)
    codes = [code_of(score, key) for score, key in zip(scores, keys, strict=True)]
    assert (np.diff(codes) > 0).all()
    assert [key_of(code) for code in codes] == keys.tolist()
    assert np.float32([score_of(code) for code in codes]).tobytes() == scores.tobytes()


def test_vectors_in_bytes_say_how_far_they_have_moved() -> None:
    rows = np.array([[1.27, -0.635, 0.0], [0, 0, 1e-35], [3.0, 1.004, -3.0]], np.float32)
    packed = Packed.of(rows, (4, 5))
    assert packed.values.tolist() == [
        [127, -64, 0, 0, 0], [0, 0, 0, 0, 0], [127, 43, -127, 0, 0], [0, 0, 0, 0, 0]
    ]  # fmt: skip
    np.testing.assert_array_equal(packed.units, np.array([0.01, 1, 3 / 127], np.float32))
    near = packed.values[:3, :3] * packed.units[:, None].astype(np.float64)
    np.testing.assert_allclose(packed.losses, np.linalg.norm(rows - near, axis=1), rtol=1e-9)
    np.testing.assert_allclose(packed.lengths, np.linalg.norm(rows.astype(float), axis=1))


def test_a_forked_process_finds_the_same() -> None:
    rng = np.random.default_rng(2)
    vectors = directions(rng, 600, 16)
    allowed = np.ones(600, bool)
    here = top_k(vectors, vectors, 5, allowed=allowed)
    with get_context("fork").Pool(1) as pool:
        there = pool.apply(top_k, (vectors, vectors, 5), {"allowed": allowed})
    assert [part.tobytes() for part in here] == [part.tobytes() for part in there]
