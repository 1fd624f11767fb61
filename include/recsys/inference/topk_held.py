"""What a block of queries holds while `search` looks through parts: candidates, and a bar each."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import Codes
from recsys.inference.topk_units import BLOCK, LINE, TILES, WIDTH, Floats, aligned
from recsys.vectors import count_bits, fetch, reaching

#: A query holds this many times `k` candidates before it raises its bar, and no fewer than LEAST.
CAPACITY, LEAST = 8, 256
#: Room behind them: for a part of the candidates, and for what `value_reached` overwrites.
ROOM = WIDTH + 64


class Task(NamedTuple):
    """What is searched."""

    queries: Floats  # [n, dim]
    candidates: Floats  # [a, dim]; an article's row is its key
    keys: Keys  # [m], of the open candidates in the order of parts
    reach: Floats  # [n], no ceiling is higher, or lower than its negative
    margin: Floats  # [n], what a ceiling is above the exact score as a rule, and a little more
    offsets: NDArray[np.int64]  # [n + 1], into `excluded`
    excluded: Keys  # [total], keys
    k: int
    found_keys: Keys  # [n, k], written: the best; what is not found stays as it is
    found_scores: Floats  # [n, k], written: theirs


class Held(NamedTuple):
    """What the queries of a block hold, by slot, and scratch."""

    ceilings: Floats  # [BLOCK, capacity], what no exact score is above
    keys: Keys  # [BLOCK, capacity]
    sizes: NDArray[np.int64]  # [BLOCK]
    bars: Floats  # [BLOCK], the lowest ceiling that is of interest
    #: Scratch for a part of the candidates: [TILES, BLOCK + height], bars as numbers that products
    #: are compared with; then, of `height` queries: [height, WIDTH], products;
    #: [height * WIDTH / 64], a bit for each that reaches its bar; and which of the words hold one.
    leasts: NDArray[np.int32]
    products: NDArray[np.int32]
    reached: NDArray[np.uint64]
    words: NDArray[np.uint64]
    opened: NDArray[np.int64]  # [BLOCK], how many of them are known not to be excluded
    closed: NDArray[np.uint32]  # [a / 32], a bit a key: scratch
    #: Scratch for one query: [dim], its vector; [capacity], exact scores; [k], codes of the best.
    one: NDArray[np.float64]
    scores: Floats
    best: Codes


def hold(task: Task, height: int) -> Held:
    """Return room for what the queries of any block hold, to be used again for each.

    `height` is how many of them are multiplied at a time.
    """
    capacity = -(-max(LEAST, CAPACITY * task.k) // 64) * 64 + ROOM
    room = aligned((2, BLOCK, capacity), np.float32)
    return Held(
        room[0],
        room[1].view(np.int32),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK, np.float32),
        np.empty((TILES, BLOCK + height), np.int32),
        aligned((height, WIDTH), np.int32),
        np.empty(height * WIDTH // 64, np.uint64),
        np.empty(height * WIDTH // 64, np.uint64),
        np.empty(BLOCK, np.int64),
        np.zeros(len(task.candidates) // 32 + 1, np.uint32),
        aligned((task.queries.shape[1],), np.float64),
        aligned((capacity,), np.float32),
        np.empty(task.k, np.int64),
    )


@compiled
def let_go_of_excluded(held: Held, slot: int, size: int, task: Task, query: int) -> Any:
    """Let go of what the query must not get; return how many are left.

    Args:
        held: of a block; the slot's candidates are moved in place.
        slot: the query's place in the block.
        size: how many candidates it holds.
        task: what is searched.
        query: its row in `task.queries`.
    """
    first, end = np.uint64(task.offsets[query]), np.uint64(task.offsets[query + 1])
    if first == end:
        return size
    # Numbers without a sign: Numba then does not look for indices below zero. A row is not cut out
    # of its array, as Numba would count who uses it.
    closed, row = held.closed, np.uint64(slot)
    known, word, bit = np.uint32(len(task.candidates)), np.uint32(5), np.uint32(31)
    one, none = np.uint32(1), np.uint32(0)
    for at in range(first, end):
        key = np.uint32(task.excluded[at])
        if key < known:
            closed[key >> word] |= one << (key & bit)
    kept = np.uint64(held.opened[row])
    for at in range(kept, np.uint64(size)):
        key = np.uint32(held.keys[row, at])
        held.ceilings[row, kept], held.keys[row, kept] = held.ceilings[row, at], key
        kept += np.uint64((closed[key >> word] >> (key & bit)) & one == none)
    closed[:] = none
    return np.int64(kept)


@compiled
def ask_for_held(held: Held, task: Task, slot: int, query: int) -> None:
    """Ask the memory for what a query holds and what it must not get, if there is such a query."""
    if query < len(task.queries) and slot < len(held.sizes):
        start, size = slot * held.keys.strides[0], 4 * held.sizes[slot]
        for line in range(start, start + size, LINE):
            fetch(held.ceilings.ctypes.data + line)
            fetch(held.keys.ctypes.data + line)
        for line in range(4 * task.offsets[query], 4 * task.offsets[query + 1], LINE):
            fetch(task.excluded.ctypes.data + line)


@compiled
def keep_from(ceilings: Floats, keys: Keys, count: int, bar: Any) -> int:
    """Move those of the first `count` that reach a bar to the front; return how many they are.

    Args:
        ceilings: float32 [capacity]; moved in place.
        keys: int32 [capacity], moved along.
        count: of candidates held.
        bar: a ceiling.
    """
    size = 0
    for at in range(count):
        ceiling, key = ceilings[at], keys[at]
        ceilings[size], keys[size] = ceiling, key
        size += ceiling >= bar
    return size


@compiled
def to_front(ceilings: Floats, keys: Keys, count: int, bar: Any) -> int:
    """Exchange those of the first `count` that reach a bar with what is before them; count them."""
    size = 0
    for at in range(count):
        ceiling, key = ceilings[at], keys[at]
        ceilings[at], keys[at] = ceilings[size], keys[size]
        ceilings[size], keys[size] = ceiling, key
        size += ceiling >= bar
    return size


@compiled
def value_reached(ceilings: Floats, size: int, wanted: int, between: tuple[Any, Any]) -> Any:
    """Return a value that at least `wanted` of the first `size` ceilings reach, and few more.

    It is the first of `between`, or from there up to the second. What lies behind the ceilings, up
    to the next multiple of 64, is overwritten.
    """
    ceilings[size : -(-size // 64) * 64] = -np.inf
    low, high = between
    for _ in range(32):
        middle = low + (high - low) * np.float32(0.5)
        count = 0
        for first in range(0, size, 64):
            count += count_bits(reaching(ceilings.ctypes.data + 4 * first, middle))
        if count < wanted:
            high = middle
        else:
            low = middle
            if count <= wanted + wanted // 16:
                break
    return low
