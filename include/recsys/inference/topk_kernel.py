"""The compiled part of `top_k`: a bar for each query, which rises, and exact scores at the end.

Tiles of coarse scores only decide what is looked at: a candidate whose coarse score is below the
`k`-th best by more than twice their error cannot be among the best. What is left is scored in
float64, pair by pair: what is found depends on neither threads, blocks nor coarse scores.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import Codes, exact_scores, rank
from recsys.inference.topk_instructions import count_bits, lowest_bit, reaching
from recsys.inference.topk_units import (
    BLOCK,
    WIDTH,
    Floats,
    Vectors,
    aligned,
    score,
    start_unit,
    stop_unit,
)

#: A query holds this many times `k` candidates before it raises its bar, and no fewer than LEAST.
CAPACITY, LEAST = 5, 256
#: Bars are raised by a guess whenever so many times more tiles have been seen.
LIFT = 4
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
def _begin(held: Held, task: Task, block: tuple[int, int]) -> None:
    """Hold nothing for the queries from `block[0]` to before `block[1]`."""
    start, end = block
    held.sizes[:], held.opened[:], held.floors[:] = 0, 0, -np.inf
    held.bars[: end - start] = -task.reach[start:end]


@compiled
def _sift(
    tile: Floats, held: Held, task: Task, block: tuple[int, int], corner: tuple[int, int]
) -> None:
    """Take in what reaches its query's bar of a tile [height, WIDTH] of coarse scores.

    Its rows are the slots from `corner[0]` on; its columns are the candidates from `corner[1]` on.
    """
    (start, end), (first, place) = block, corner
    address = tile.ctypes.data
    for slot in range(first, min(first + len(tile), end - start)):
        bar = held.bars[slot]
        for column in range(0, WIDTH, 64):
            bits = reaching(address + 4 * column, bar)
            if bits:
                size = held.sizes[slot]
                while bits:
                    at = column + lowest_bit(bits)
                    bits &= bits - ONE
                    held.scores[slot, size] = tile[slot - first, at]
                    held.keys[slot, size] = task.keys[place + at]
                    size += 1
                    if size == held.scores.shape[1]:
                        size = _raise(held, slot, size, task, start + slot)
                        bar = held.bars[slot]
                held.sizes[slot] = size
        address += 4 * WIDTH


@compiled
def _guess(scores: Floats, size: int, held: Held, task: Task, at: tuple[int, int, int]) -> None:
    """Raise the bar of a slot and query, `at[:2]`, by a guess of where it will end.

    `scores` are the best of the first `at[2]` candidates. These come in random order: among so many
    there are about k * seen / all of the k best, and hardly ever more than four standard deviations
    above that. So many of them must reach the bar. Where the guess is wrong, as it may be where
    exclusions are among them, `_finish` finds it out.
    """
    slot, query, seen = at
    expected = task.k * seen / len(task.keys)
    wanted = int(expected + 4 * np.sqrt(expected) + 4)
    if size > wanted:
        reached = _reached(scores, size, wanted, (held.bars[slot], task.reach[query]))
        bar = reached - task.slack[query]
        if bar > held.bars[slot]:
            held.floors[slot], held.bars[slot] = reached, bar


@compiled
def _lift(held: Held, task: Task, block: tuple[int, int], seen: int) -> None:
    """Raise all bars by a guess, after the first `seen` candidates."""
    for query in range(block[0], block[1]):
        slot = query - block[0]
        scores = held.scores[slot]
        size = _open(held, slot, int(held.sizes[slot]), task, query)
        _guess(scores, size, held, task, (slot, query, seen))
        size = _keep_from(scores, held.keys[slot], size, held.bars[slot])
        held.opened[slot] = held.sizes[slot] = size


@compiled
def _raise(held: Held, slot: int, size: int, task: Task, query: int) -> int:
    """Raise a bar, let go of what is below or excluded, and return how many are left."""
    scores, keys, slack = held.scores[slot], held.keys[slot], task.slack[query]
    size = _open(held, slot, size, task, query)
    if size > task.k:
        bars = held.bars[slot], task.reach[query]
        bar = max(bars[0], _reached(scores, size, task.k, bars) - slack)
        size = _keep_from(scores, keys, size, bar)
        if size > len(scores) // 2:  # many alike: their exact scores decide
            exact, codes = exact_scores(task.queries, task.candidates, query, keys[:size])
            best = rank(codes) < task.k
            bar = max(bar, exact[best].min() - slack)
            size = _keep(scores, keys, best)
        held.bars[slot] = bar
    held.opened[slot] = size
    return size


@compiled
def _open(held: Held, slot: int, size: int, task: Task, query: int) -> int:
    """Let go of what the query must not get; return how many are left."""
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
def _keep_from(scores: Floats, keys: Keys, count: int, bar: Any) -> int:
    """Move those of the first `count` that reach a bar to the front; return how many they are."""
    size = 0
    for at in range(count):
        scores[size], keys[size] = scores[at], keys[at]
        size += scores[size] >= bar
    return size


@compiled
def _keep(scores: Floats, keys: Keys, keep: NDArray[np.bool_]) -> int:
    """Move those marked to the front; return how many they are."""
    size = 0
    for at in range(len(keep)):
        scores[size], keys[size] = scores[at], keys[at]
        size += keep[at]
    return size


@compiled
def _reached(scores: Floats, size: int, wanted: int, between: tuple[Any, Any]) -> Any:
    """Return a value that at least so many of the first scores reach, and few more.

    It is the first of `between`, or from there up to the second.
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


@compiled
def _finish(held: Held, task: Task, block: tuple[int, int]) -> NDArray[np.int64]:
    """Write the codes of the best of each query of a block, but not of those that it returns.

    Their bars were guessed too high.
    """
    missed = np.zeros(block[1] - block[0], np.bool_)
    for query in range(block[0], block[1]):
        slot = query - block[0]
        size = _raise(held, slot, int(held.sizes[slot]), task, query)
        floor = held.floors[slot]
        reached = 0
        for at in range(size):
            reached += held.scores[slot, at] >= floor
        missed[slot] = floor > -np.inf and reached < task.k
        if not missed[slot]:
            keys = held.keys[slot, :size]
            _, codes = exact_scores(task.queries, task.candidates, query, keys)
            ranks = rank(codes)
            for at in range(size):
                if ranks[at] < task.k:
                    task.found[query, ranks[at]] = codes[at]
    return block[0] + np.flatnonzero(missed)


@compiled
def search(
    task: Task, coarse: Vectors, held: Held, block: tuple[int, int], guess: bool
) -> NDArray[np.int64]:
    """Find the best of a block of queries.

    Args:
        task: what is searched.
        coarse: the same vectors, as a unit wants them for coarse scores.
        held: what `hold` returned.
        block: the first query, and the one after the last; at most BLOCK of them.
        guess: whether bars are raised by a guess of where they will end, which is quicker.

    Returns:
        int64 [m], the queries whose bars were guessed too high: nothing was found for them.
    """
    (start, end), lift = block, LIFT
    tile = held.tile
    _begin(held, task, block)
    start_unit(coarse)
    for part in range(len(coarse.tiles)):
        for first in range(0, end - start, coarse.height):
            score(tile, coarse, task.queries, (start + first, end), part)
            tile[:, len(task.keys) - part * WIDTH :] = -np.inf
            if guess and part == 0:
                for slot in range(first, min(first + len(tile), end - start)):
                    at = slot, start + slot, WIDTH
                    _guess(tile[slot - first], WIDTH, held, task, at)
            _sift(tile, held, task, block, (first, part * WIDTH))
        if guess and part + 1 == lift:
            _lift(held, task, block, lift * WIDTH)
            lift *= LIFT
    stop_unit(coarse)
    return _finish(held, task, block)
