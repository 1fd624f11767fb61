"""The compiled part of `top_k`: a bar for each query, which rises, and exact scores at the end.

Tiles of coarse scores only decide what is looked at: a candidate whose coarse score is below the
`k`-th best by more than twice their error cannot be among the best. What is left is scored in
float64, pair by pair: what is found depends on neither threads, blocks nor coarse scores.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.topk_exact import exact_scores, rank
from recsys.inference.topk_held import (
    ONE,
    Held,
    Task,
    keep,
    keep_from,
    let_go_of_excluded,
    value_reached,
)
from recsys.inference.topk_instructions import lowest_bit, reaching
from recsys.inference.topk_units import WIDTH, Floats, Vectors, score, start_unit, stop_unit

#: Bars are raised by a guess whenever so many times more tiles have been seen.
LIFT = 4


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
        reached = value_reached(scores, size, wanted, (held.bars[slot], task.reach[query]))
        bar = reached - task.slack[query]
        if bar > held.bars[slot]:
            held.floors[slot], held.bars[slot] = reached, bar


@compiled
def _lift(held: Held, task: Task, block: tuple[int, int], seen: int) -> None:
    """Raise all bars by a guess, after the first `seen` candidates."""
    for query in range(block[0], block[1]):
        slot = query - block[0]
        scores = held.scores[slot]
        size = let_go_of_excluded(held, slot, int(held.sizes[slot]), task, query)
        _guess(scores, size, held, task, (slot, query, seen))
        size = keep_from(scores, held.keys[slot], size, held.bars[slot])
        held.opened[slot] = held.sizes[slot] = size


@compiled
def _raise(held: Held, slot: int, size: int, task: Task, query: int) -> int:
    """Raise a bar, let go of what is below or excluded, and return how many are left."""
    scores, keys, slack = held.scores[slot], held.keys[slot], task.slack[query]
    size = let_go_of_excluded(held, slot, size, task, query)
    if size > task.k:
        bars = held.bars[slot], task.reach[query]
        bar = max(bars[0], value_reached(scores, size, task.k, bars) - slack)
        size = keep_from(scores, keys, size, bar)
        if size > len(scores) // 2:  # many alike: their exact scores decide
            exact, codes = exact_scores(task.queries, task.candidates, query, keys[:size])
            best = rank(codes) < task.k
            bar = max(bar, exact[best].min() - slack)
            size = keep(scores, keys, best)
        held.bars[slot] = bar
    held.opened[slot] = size
    return size


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
