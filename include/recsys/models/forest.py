"""Scores of LightGBM's trees, the same to the last bit and many times as fast.

QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees", SIGIR 2015): a tree is a list of tests without an order. A row
starts with one bit for each leaf; every test that it fails clears the leaves on the test's left
side, and the first bit left is the row's leaf. There is no branch to guess wrong, so that a test
takes many rows at once.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.threads import in_threads

Floats = NDArray[np.float32]

#: A leaf is a bit of a word.
MAX_LEAVES = 64
#: Rows that pass through all trees together: what they need stays in the processor's cache.
BLOCK = 512
#: Rows that a thread scores at a time.
SPAN = 1 << 15
#: Halves of a word of 64 bits, of its halves and so on: see `_first_bit`.
H32, H16, H8 = (
    np.uint64(0xFFFFFFFF00000000),
    np.uint64(0xFFFF0000FFFF0000),
    np.uint64(0xFF00FF00FF00FF00),
)
H4, H2, H1 = (
    np.uint64(0xF0F0F0F0F0F0F0F0),
    np.uint64(0xCCCCCCCCCCCCCCCC),
    np.uint64(0xAAAAAAAAAAAAAAAA),
)
ONE = np.uint64(1)


class Forest(NamedTuple):
    """The tests and leaves of all trees; those of tree t are tests[offsets[t] : offsets[t + 1]].

    columns: int32 [tests], what each looks at.
    bounds: float32 [tests]; a value up to its bound passes.
    pass_missing: bool [tests], whether NaN passes.
    masks: unsigned [tests], the leaves that are left to a row that fails; a bit each, the leftmost
        leaf's being the lowest.
    leaves: float64 [trees, most leaves].
    """

    columns: NDArray[np.int32]
    bounds: Floats
    pass_missing: NDArray[np.bool_]
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
        return cls(
            np.array([test["split_feature"] for test, _ in flat], np.int32),
            _down([test["threshold"] for test, _ in flat]),
            np.array([_passes_missing(test) for test, _ in flat], np.bool_),
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
            _add_leaves(self, columns, (first, min(first + SPAN, len(scores))), scores)

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


@compiled
def _add_leaves(
    forest: Forest, columns: Floats, rows: tuple[int, int], scores: NDArray[np.float64]
) -> None:
    """Add to `scores` the leaf of each tree, see `Forest`, for the rows from one to another.

    `columns` are [columns, rows], contiguous: only then are many rows tested at once.
    """
    bits = np.empty(BLOCK, forest.masks.dtype)
    # All bits set, in the type of the masks: another type would widen every operation below.
    every = np.full(1, -1, np.int64).astype(forest.masks.dtype)[0]
    for start in range(rows[0], rows[1], BLOCK):
        size = min(BLOCK, rows[1] - start)
        for tree in range(len(forest.leaves)):
            bits[:] = every
            for test in range(forest.offsets[tree], forest.offsets[tree + 1]):
                values = columns[forest.columns[test], start : start + size]
                bound, mask = forest.bounds[test], forest.masks[test]
                if forest.pass_missing[test]:
                    for row in range(size):
                        bits[row] &= mask if values[row] > bound else every
                else:
                    for row in range(size):
                        bits[row] &= every if values[row] <= bound else mask
            for row in range(size):
                scores[start + row] += forest.leaves[tree, _first_bit(np.uint64(bits[row]))]


@compiled
def _first_bit(bits: Any) -> Any:
    """Return the place of the lowest bit set of a uint64, without a loop."""
    low = bits & (~bits + ONE)
    place = ((low & H32) != 0) * 32 + ((low & H16) != 0) * 16 + ((low & H8) != 0) * 8
    return place + ((low & H4) != 0) * 4 + ((low & H2) != 0) * 2 + ((low & H1) != 0)
