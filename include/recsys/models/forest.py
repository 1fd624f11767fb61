"""Scores of LightGBM's trees, the same to the last bit and many times as fast.

QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees", SIGIR 2015): a tree is a list of tests without an order. A row
starts with one bit for each leaf; every test that it fails clears the leaves on the test's left
side, and the first bit left is the row's leaf. There is no branch to guess wrong, so that a test
takes many rows at once. A value is compared with each of its column's bounds once, for all trees:
tests compare small numbers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsys.models.forest_kernel import FAILS, sum_leaves
from recsys.threads import in_threads

Floats = NDArray[np.float32]

#: A leaf is a bit of a word.
MAX_LEAVES = 64
#: Rows that a thread scores at a time.
SPAN = 1 << 15


class Forest(NamedTuple):
    """The tests and leaves of all trees; those of tree t are tests[offsets[t] : offsets[t + 1]].

    A value's code is the number of its column's cuts that are less than it. Whatever is tested is
    tested by its code; there are two planes of codes for each column, in the second of which NaN
    fails all tests.

    cuts: float32 [cuts]; those of column c are cuts[cut_offsets[c] : cut_offsets[c + 1]], each
        once, from the lowest.
    cut_offsets: int64 [columns + 1].
    planes: int32 [tests], what each looks at: 2 * column, or one more if NaN fails.
    places: uint16 [tests]; a code up to its place passes.
    masks: unsigned [tests], the leaves that are left to a row that fails; a bit each, the leftmost
        leaf's being the lowest.
    leaves: float64 [trees, most leaves].
    """

    cuts: Floats
    cut_offsets: NDArray[np.int64]
    planes: NDArray[np.int32]
    places: NDArray[np.uint16]
    masks: NDArray[Any]
    offsets: NDArray[np.int64]
    leaves: NDArray[np.float64]

    @classmethod
    def of(cls, *boosters: lgb.Booster) -> Self:
        """Return the mean of boosters, whose columns are numbers, none a category."""
        dumped = [tree for booster in boosters for tree in booster.dump_model()["tree_info"]]
        trees = [tree["tree_structure"] for tree in dumped]
        leaves = [list(_leaves(tree)) for tree in trees]
        tests = [list(_tests(tree)) for tree in trees]
        flat = [test for of_tree in tests for test in of_tree]
        most = max(map(len, leaves), default=1)
        assert most <= MAX_LEAVES, f"{most} leaves, at most {MAX_LEAVES} fit"
        word: type[np.unsignedinteger[Any]] = np.uint16 if most <= 16 else np.uint64
        every = int(np.iinfo(word).max)
        table = np.zeros((len(trees), most))
        for row, values in zip(table, leaves, strict=True):
            row[: len(values)] = values
        columns = np.array([test["split_feature"] for test, _ in flat], np.int32)
        fails = np.array([not _passes_missing(test) for test, _ in flat], np.int32)
        cuts, cut_offsets, places = _cut(columns, _down([test["threshold"] for test, _ in flat]))
        return cls(
            cuts,
            cut_offsets,
            2 * columns + fails,
            places,
            np.array([every & ~cleared for _, cleared in flat], word),
            np.cumsum([0, *map(len, tests)]),
            table / len(boosters),
        )

    def score(self, features: Floats) -> NDArray[np.float64]:
        """Return float64 [rows], the sum of each row's leaves, of features [rows, columns].

        Features are best laid out column by column, as `Signals.describe` does.
        """
        columns = np.ascontiguousarray(np.asarray(features, np.float32).T)
        scores = np.zeros(len(features))

        def add(first: int) -> None:
            sum_leaves(self, columns, (first, min(first + SPAN, len(scores))), scores)

        for _ in in_threads(add, range(0, len(features), SPAN)):
            pass
        return scores


def _leaves(node: dict[str, Any]) -> Iterator[float]:
    """Yield a tree's leaves, from left to right."""
    if "leaf_value" in node:
        yield node["leaf_value"]
    else:
        yield from _leaves(node["left_child"])
        yield from _leaves(node["right_child"])


def _tests(node: dict[str, Any], first: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield a tree's tests, each with the bits of the leaves that go when it fails.

    `first` is the place of the node's leftmost leaf.
    """
    if "leaf_value" in node:
        return
    assert node["decision_type"] == "<=", "a category among the columns"
    left = sum(1 for _ in _leaves(node["left_child"]))
    yield node, ((1 << left) - 1) << first
    yield from _tests(node["left_child"], first)
    yield from _tests(node["right_child"], first + left)


def _passes_missing(test: dict[str, Any]) -> bool:
    """Return where NaN goes; a column that had none in training takes it for zero."""
    assert test["missing_type"] in ("NaN", "None"), "zero as missing"
    seen = test["missing_type"] == "NaN"
    return bool(test["default_left"] if seen else test["threshold"] >= 0)


def _down(bounds: list[float]) -> Floats:
    """Return the largest float32 not above each bound: float32 values pass it or fail it alike."""
    exact = np.array(bounds, np.float64)
    with np.errstate(over="ignore"):  # above all float32 but infinity
        near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _cut(
    columns: NDArray[np.int32], bounds: Floats
) -> tuple[Floats, NDArray[np.int64], NDArray[np.uint16]]:
    """Return the cuts of each column and where they begin, and which one each bound is."""
    used = range(int(columns.max(initial=-1)) + 1)
    cuts = [np.unique(bounds[columns == column]) for column in used]
    most = max(map(len, cuts), default=0)
    assert most < FAILS, f"{most} bounds of a column"
    places = np.zeros(len(bounds), np.uint16)
    for column in used:
        tests = columns == column
        places[tests] = np.searchsorted(cuts[column], bounds[tests])
    offsets = np.cumsum([0, *map(len, cuts)])
    return np.concatenate([*cuts, np.zeros(0, np.float32)]), offsets, places
