"""The compiled part of `top_k`: a bar for each query, which rises, and exact scores at the end.

Each candidate has a ceiling, which its exact score is not above. Those whose ceilings reach the bar
are held, and scored in float64, pair by pair, in the end. The bars are guesses; where the `k`-th
best exact score does not reach one, that search is repeated without. So what is found depends on
neither threads, blocks nor ceilings.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.ragged import Keys
from recsys.inference.topk_exact import code_of, dots, in_order, key_of, put_in_order, score_of
from recsys.inference.topk_held import (
    ROOM,
    Held,
    Task,
    ask_for_held,
    keep_from,
    let_go_of_excluded,
    to_front,
    value_reached,
)
from recsys.inference.topk_units import WIDTH, Vectors, look

#: Bars are raised by a guess whenever so many times more parts have been seen.
LIFT = 4
#: Until so many candidates have been seen, looking exclusions up costs more than it saves.
EARLY = 2048


@compiled
def _begin(held: Held, task: Task, block: tuple[int, int]) -> None:
    """Hold nothing for the queries from `block[0]` to before `block[1]`."""
    start, end = block
    held.sizes[:], held.opened[:] = 0, 0
    held.bars[: end - start] = -task.reach[start:end]


@compiled
def _lift(held: Held, task: Task, block: tuple[int, int], seen: int) -> None:
    """Raise all bars by a guess of where they will end, after the first `seen` candidates.

    These come in random order: among so many there are about k * seen / all of the k best, and
    hardly ever more than four standard deviations above that. So many of them must reach the bar.
    Early, exclusions are not looked up: all of them might be among the best.
    """
    for query in range(block[0], block[1]):
        slot = query - block[0]
        ask_for_held(held, task, slot + 2, query + 2)
        ceilings, size, best = held.ceilings[slot], int(held.sizes[slot]), task.k
        if seen < EARLY:
            best += task.offsets[query + 1] - task.offsets[query]
        else:
            held.opened[slot] = size = let_go_of_excluded(held, slot, size, task, query)
        expected = best * seen / len(task.keys)
        wanted = int(expected + 4 * np.sqrt(expected) + 4)
        if size > wanted:
            between = held.bars[slot], task.reach[query]
            reached = value_reached(ceilings, size, wanted, between)
            held.bars[slot] = max(held.bars[slot], reached - task.margin[query])
        held.sizes[slot] = keep_from(ceilings, held.keys[slot], size, held.bars[slot])
        held.opened[slot] = min(held.opened[slot], held.sizes[slot])


@compiled
def _make_room(held: Held, task: Task, block: tuple[int, int]) -> None:
    """Let those queries that have no room for WIDTH candidates more hold their best alone."""
    for query in range(block[0], block[1]):
        slot = query - block[0]
        size = int(held.sizes[slot])
        if size > held.ceilings.shape[1] - ROOM:
            size = let_go_of_excluded(held, slot, size, task, query)
            kept = _score(held, task, query, held.keys[slot, :size])
            for at in range(kept):
                held.ceilings[slot, at] = score_of(held.best[at])
                held.keys[slot, at] = key_of(held.best[at])
            if kept == task.k:
                held.bars[slot] = max(held.bars[slot], score_of(held.best[task.k - 1]))
            held.opened[slot] = held.sizes[slot] = kept


@compiled
def _finish(held: Held, task: Task, block: tuple[int, int]) -> NDArray[np.int64]:
    """Write the best of each query of a block, but not of those that it returns.

    Their bars were guessed too high.
    """
    missed = np.zeros(block[1] - block[0], np.bool_)
    for query in range(block[0], block[1]):
        slot = query - block[0]
        ask_for_held(held, task, slot + 1, query + 1)
        size = let_go_of_excluded(held, slot, int(held.sizes[slot]), task, query)
        _find_best(held, task, slot, query, size)
        bar = held.bars[slot]
        if bar > -task.reach[query]:
            missed[slot] = size < task.k or score_of(held.best[task.k - 1]) < bar
        if not missed[slot]:
            for at in range(min(size, task.k)):
                task.found_keys[query, at] = key_of(held.best[at])
                task.found_scores[query, at] = score_of(held.best[at])
    return block[0] + np.flatnonzero(missed)


@compiled
def _find_best(held: Held, task: Task, slot: int, query: int, size: int) -> None:
    """Write to `held.best` the codes of the best `k` of the `size` candidates that a query holds.

    They are in order; where there are fewer than `k`, anything follows.
    """
    ceilings, keys, k = held.ceilings[slot], held.keys[slot], task.k
    front = size
    if size > k:
        # The highest ceilings say which of the others are worth an exact score.
        between = held.bars[slot], task.reach[query]
        front = to_front(ceilings, keys, size, value_reached(ceilings, size, k, between))
        if front < k:  # some are below the bar, by what was rounded
            front = size
    _score(held, task, query, keys[:front])
    if front < size:
        worst = score_of(held.best[k - 1])
        rest = keep_from(ceilings[front:], keys[front:], size - front, worst)
        dots(held.one, task.candidates, keys[front : front + rest], held.scores)
        for at in range(rest):
            put_in_order(held.best, code_of(held.scores[at], keys[front + at]))


@compiled
def _score(held: Held, task: Task, query: int, keys: Keys) -> int:
    """Write to `held.best` codes of a query's best of some candidates, in order; count them."""
    held.one[:] = task.queries[query]
    dots(held.one, task.candidates, keys, held.scores)
    return int(in_order(held.scores, keys, held.best))


@compiled
def search(
    task: Task, coarse: Vectors, held: Held, block: tuple[int, int], guess: bool
) -> NDArray[np.int64]:
    """Find the best of a block of queries.

    Args:
        task: what is searched.
        coarse: the same vectors, as a unit wants them for ceilings.
        held: what `hold` returned.
        block: the first query, and the one after the last; at most BLOCK of them.
        guess: whether bars are raised by a guess of where they will end, which is quicker.

    Returns:
        int64 [m], the queries whose bars were guessed too high: nothing was found for them.
    """
    lift = 1
    _begin(held, task, block)
    for part in range(len(coarse.tiles)):
        _make_room(held, task, block)
        look(coarse, held, task, block, part)
        if guess and part + 1 == lift:
            _lift(held, task, block, lift * WIDTH)
            lift *= LIFT
    return _finish(held, task, block)
