"""What a block of queries holds while `search` looks through tiles: candidates, and a bar each."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import Codes
from recsys.inference.topk_instructions import count_bits, reaching
from recsys.inference.topk_units import BLOCK, WIDTH, Floats, Vectors, aligned

#: A query holds this many times `k` candidates before it raises its bar, and no fewer than LEAST.
CAPACITY, LEAST = 5, 256
NONE, ONE = np.uint64(0), np.uint64(1)


class Task(NamedTuple):
    """What is searched."""

    queries: Floats  # [n, dim]
    candidates: Floats  # [a, dim]; an article's row is its key
    keys: Keys  # [m], of the open candidates in the order of tiles
    reach: Floats  # [n], no coarse score is larger, or lower than its negative
    slack: Floats  # [n], twice the error of a coarse score, at most
    offsets: NDArray[np.int64]  # [n + 1], into `excluded`
    excluded: Keys  # [total], keys
    k: int
    found: Codes  # [n, k], written: the codes of the best; what is not found stays as it is


class Held(NamedTuple):
    """What the queries of a block hold, by slot, and scratch."""

    tile: Floats  # [height, WIDTH], of coarse scores: scratch
    scores: Floats  # [BLOCK, capacity], coarse
    keys: Keys  # [BLOCK, capacity]
    sizes: NDArray[np.int64]  # [BLOCK]
    bars: Floats  # [BLOCK], the least coarse score that is of interest
    floors: Floats  # [BLOCK], what at least k must reach at the end, or a bar was guessed too high
    opened: NDArray[np.int64]  # [BLOCK], how many of them are known not to be excluded
    closed: NDArray[np.uint64]  # [a / 64], a bit a key: scratch


def hold(task: Task, coarse: Vectors) -> Held:
    """Return room for what the queries of any block hold, to be used again for each."""
    capacity = -(-max(LEAST, CAPACITY * task.k) // 64) * 64
    return Held(
        aligned((coarse.height, WIDTH), np.float32),
        aligned((BLOCK, capacity), np.float32),
        np.empty((BLOCK, capacity), np.int32),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.int64),
        np.zeros(len(task.candidates) // 64 + 1, np.uint64),
    )


@compiled
def let_go_of_excluded(held: Held, slot: int, size: int, task: Task, query: int) -> int:
    """Let go of what the query must not get; return how many are left.

    Args:
        held: of a block; the slot's candidates are moved in place.
        slot: the query's place in the block.
        size: how many candidates it holds.
        task: what is searched.
        query: its row in `task.queries`.
    """
    closed, keys, scores = held.closed, held.keys[slot], held.scores[slot]
    excluded = task.excluded[task.offsets[query] : task.offsets[query + 1]]
    if not len(excluded):
        return size
    # Unsigned numbers: Numba then does not look for indices below zero.
    known, word, bit = np.uint64(len(task.candidates)), np.uint64(6), np.uint64(63)
    for key in excluded:
        place = np.uint64(key)
        if place < known:
            closed[place >> word] |= ONE << (place & bit)
    kept = int(held.opened[slot])
    for at in range(kept, size):
        place = np.uint64(keys[at])
        scores[kept], keys[kept] = scores[at], keys[at]
        kept += int((closed[place >> word] >> (place & bit)) & ONE == NONE)
    closed[:] = NONE
    return kept


@compiled
def keep_from(scores: Floats, keys: Keys, count: int, bar: Any) -> int:
    """Move those of the first `count` that reach a bar to the front; return how many they are.

    Args:
        scores: float32 [capacity], coarse; moved in place.
        keys: int32 [capacity], moved along.
        count: of candidates held.
        bar: a coarse score.
    """
    size = 0
    for at in range(count):
        scores[size], keys[size] = scores[at], keys[at]
        size += scores[size] >= bar
    return size


@compiled
def keep(scores: Floats, keys: Keys, marked: NDArray[np.bool_]) -> int:
    """Move those marked of the first len(marked) to the front; return how many they are."""
    size = 0
    for at in range(len(marked)):
        scores[size], keys[size] = scores[at], keys[at]
        size += marked[at]
    return size


@compiled
def value_reached(scores: Floats, size: int, wanted: int, between: tuple[Any, Any]) -> Any:
    """Return a value that at least `wanted` of the first `size` scores reach, and few more.

    It is the first of `between`, or from there up to the second. What lies behind the scores, up to
    the next multiple of 64, is overwritten.
    """
    scores[size : -(-size // 64) * 64] = -np.inf
    low, high = between
    for _ in range(32):
        middle = low + (high - low) * np.float32(0.5)
        count = 0
        for first in range(0, size, 64):
            count += count_bits(reaching(scores.ctypes.data + 4 * first, middle))
        if count < wanted:
            high = middle
        else:
            low = middle
            if count <= wanted + wanted // 16:
                break
    return low
