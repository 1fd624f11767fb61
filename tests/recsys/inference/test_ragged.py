"""Rows of different lengths."""

import numpy as np
import pytest

from recsys.inference.ragged import Ragged, descending


def rows_of(ragged: Ragged) -> list[list[int]]:
    return [ragged.take([row]).keys.tolist() for row in range(len(ragged))]


def test_entries_are_grouped_by_row_and_keep_their_order() -> None:
    ragged = Ragged.group([2, 0, 2, 0], [9, 4, 7, 5], [0.1, 0.2, 0.3, 0.4], count=4)

    assert rows_of(ragged) == [[4, 5], [], [9, 7], []]
    np.testing.assert_allclose(ragged.weights, [0.2, 0.4, 0.1, 0.3])


def test_rows_are_taken_in_the_order_asked_for_and_unknown_rows_are_empty() -> None:
    ragged = Ragged.of([[3], [], [5, 4]])

    assert rows_of(ragged.take([2, 9, 0, 2])) == [[5, 4], [], [3], [5, 4]]


def test_first_padded_and_matrix() -> None:
    ragged = Ragged.of([[5, 4, 3], [], [7]])

    assert ragged.first(2).padded().tolist() == [[5, 4], [0, 0], [7, 0]]
    assert rows_of(Ragged.of_matrix(ragged.padded())) == [[5, 4, 3], [], [7]]


def test_the_best_come_by_weight_then_by_key() -> None:
    ragged = Ragged.group([0, 0, 0, 1], [9, 4, 7, 5], [1, 2, 1, 3], count=2)

    assert rows_of(ragged.best(2)) == [[4, 7], [5]]


@pytest.mark.parametrize("limit", [0, 1, 2, 7, 100])
def test_the_best_of_many_are_those_of_a_sort(limit: int) -> None:
    generator = np.random.default_rng(limit)
    values = [np.nan, -1e30, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.5, 1.0, np.inf]
    for ascending in (True, False):
        rows = [generator.permutation(40)[: generator.integers(30)] for _ in range(50)]
        rows = [np.sort(row) if ascending else row for row in rows]
        keys = np.concatenate(rows)
        weights = generator.choice(values, len(keys)).astype(np.float32)
        of = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        found = Ragged.group(of, keys, weights, count=len(rows)).best(limit)
        order = np.lexsort((keys, -weights, np.isnan(weights), of))
        expected = Ragged.group(of[order], keys[order], weights[order], count=len(rows))
        assert rows_of(found) == rows_of(expected.first(limit))
        np.testing.assert_array_equal(found.weights, expected.first(limit).weights)


def test_a_row_is_compared_with_its_own_row_only() -> None:
    ragged = Ragged.of([[3, 4], [5], []])
    other = Ragged.of([[4, 5], [3], [9]])

    assert rows_of(ragged.without(other)) == [[3], [5], []]
    assert ragged.marks(np.array([[4, 5], [5, 0], [3, 3]], np.int32)).tolist() == [
        [True, False],
        [True, False],
        [False, False],
    ]


def test_no_rows_at_all() -> None:
    nothing = Ragged.of([])

    assert nothing.padded().shape == (0, 0)
    assert nothing.marks(np.empty((0, 3), np.int32)).shape == (0, 3)


def test_descending_is_a_lexicographic_sort() -> None:
    random = np.random.default_rng(4)
    rows = np.sort(random.integers(0, 50, 3000))
    values = random.normal(size=3000).astype(np.float32)
    values[::7] = values[0]  # ties keep their order
    values[::11] = random.choice([0.0, -0.0, np.inf, -np.inf, 1e-40, -1e-40], len(values[::11]))
    expected = np.lexsort((-values, rows))
    np.testing.assert_array_equal(descending(rows, values), expected)
    shuffled = random.permutation(3000)
    found = shuffled[descending(rows[shuffled], values[shuffled])]
    assert (np.diff(rows[found]) >= 0).all()
    inside = np.diff(rows[found]) == 0
    assert (values[found][1:][inside] <= values[found][:-1][inside]).all()


def test_what_is_not_a_number_comes_last() -> None:
    rows, values = np.array([0, 0, 0, 1]), np.array([np.nan, -5, 2, np.nan], np.float32)
    assert descending(rows, values).tolist() == [2, 1, 0, 3]


@pytest.mark.parametrize("in_order", [True, False])
def test_places_are_found_whatever_is_asked_and_in_whatever_order(in_order: bool) -> None:
    generator = np.random.default_rng(5)
    rows = [generator.permutation(60)[: generator.integers(40)].tolist() for _ in range(40)]
    ragged = Ragged.of([sorted(row) for row in rows] if in_order else rows)
    asked = generator.integers(40, size=2000), generator.integers(-1, 61, 2000).astype(np.int32)
    if in_order:
        asked = tuple(column[np.lexsort(asked[::-1])] for column in asked)
    places = ragged.places(*asked)
    for place, row, key in zip(places, *asked, strict=True):
        entries = range(ragged.offsets[row], ragged.offsets[row + 1])
        there = [entry for entry in entries if ragged.keys[entry] == key]
        assert place == (there[0] if there else -1)


def test_rows_are_multiplied_by_the_vectors_of_their_keys() -> None:
    ragged = Ragged.of([[2, 0], [], [1]])
    own = np.array([[1, 2], [9, 9], [0, np.nan]], np.float32)
    others = np.array([[1, 1], [5, 5], [3, -1]], np.float32)
    np.testing.assert_array_equal(ragged.dot(own, others), np.float32([1, 3, np.nan]))


@pytest.mark.parametrize("dim", [1, 16, 37])
def test_the_vectors_may_lie_in_any_order(dim: int) -> None:
    rng = np.random.default_rng(dim)
    # Small whole numbers: their products are exact.
    own, others = (rng.integers(-9, 10, (n, dim)).astype(np.float32) for n in (2, 5))
    ragged = Ragged.of([[4, 0, 2], [1, 3]])
    expected = (own[ragged.rows] * others[ragged.keys]).sum(axis=1)
    for way in (others, np.asfortranarray(others), others.astype(float), others.repeat(2, 0)[::2]):
        np.testing.assert_array_equal(ragged.dot(own, way), expected)
