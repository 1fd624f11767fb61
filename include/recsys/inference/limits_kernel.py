"""The compiled part of `recsys.inference.limits`: lists within caps, customer by customer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.compiled import compiled
from recsys.inference.ragged import Keys

Offsets = NDArray[np.int64]
Rows = tuple[Offsets, Keys]

#: Past this many popular articles, and past those on sale, none is added beyond what a list needs.
FAR = 1024


class Rules(NamedTuple):
    """What a list may hold, and must."""

    kinds: Keys  # [sorts, articles], the code of each article's kind; -1: no cap counts it
    most: Keys  # [sorts], how many of one code
    is_new: NDArray[np.bool_]  # [articles]
    new: int  # how many new articles


class Orders(NamedTuple):
    """What to add from: each segment's articles, those on sale first."""

    everything: Keys  # [segments, m]
    new: Keys  # [segments, m'], only the new articles
    far: NDArray[np.int64]  # [2], see FAR; of `everything` and of `new`


@compiled
def fits(rules: Rules, key: int, chosen: Keys, count: int) -> bool:
    """Return whether an article is not among the chosen ones, and within the caps beside them."""
    for place in range(count):
        if chosen[place] == key:
            return False
    for sort in range(len(rules.most)):
        code, same = rules.kinds[sort, key], 0
        if code < 0:
            continue
        for place in range(count):
            same += rules.kinds[sort, chosen[place]] == code
        if same >= rules.most[sort]:
            return False
    return True


@compiled
def holds(keys: Keys, start: int, stop: int, key: int) -> bool:
    """Return whether ascending `keys[start:stop]` hold a key."""
    place = start + np.searchsorted(keys[start:stop], key)
    return bool(place < stop and keys[place] == key)


@compiled
def choose(
    rules: Rules, rows: Rows, order: Offsets, k: int
) -> tuple[NDArray[np.int64], Offsets, Offsets]:
    """Return the entries chosen [n, k], best first, how many [n], and how many are new [n].

    Args:
        rules: what a list may hold.
        rows: offsets [n + 1] and articles [entries] of n customers.
        order: entries by customer and descending score.
        k: how many to choose.
    """
    offsets, keys = rows
    n = len(offsets) - 1
    entries = np.zeros((n, k), np.int64)
    found, new = np.zeros(n, np.int64), np.zeros(n, np.int64)
    chosen, places = np.empty(k, np.int32), np.empty(k, np.int64)
    for row in range(n):
        count = 0
        for only_new in (True, False):
            wanted = rules.new if only_new else k
            for place in range(offsets[row], offsets[row + 1]):
                if count >= wanted:
                    break
                key = keys[order[place]]
                if (only_new and not rules.is_new[key]) or not fits(rules, key, chosen, count):
                    continue
                chosen[count], places[count] = key, place
                count += 1
        for place in range(count):
            new[row] += rules.is_new[chosen[place]]
        found[row] = count
        entries[row, :count] = order[np.sort(places[:count])]
    return entries, found, new


@compiled
def supply(
    rules: Rules,
    own: tuple[Rows, Rows],
    orders: Orders,
    segments: Offsets,
    k: int,
) -> Keys:
    """Return popular articles to add [n, 2 k], padded, so that a list can be made for each of n.

    Args:
        rules: what a list may hold.
        own: offsets [n + 1] and articles of n customers, and of what must not be added to them; a
            customer's ascend.
        orders: what to add, in that order.
        segments: [n], rows of `orders`.
        k: the length of a list.
    """
    (offsets, keys), (barred_offsets, barred) = own
    n = len(offsets) - 1
    added = np.full((n, 2 * k), PADDING_KEY, np.int32)
    chosen = np.empty(2 * k, np.int32)
    for row in range(n):
        start, stop, count, filled = offsets[row], offsets[row + 1], 0, 0
        for only_new in (True, False):
            needed = rules.new if only_new else k
            for place in range(start, stop):
                if count >= 2 * needed:
                    break
                key = keys[place]
                if (only_new and not rules.is_new[key]) or not fits(rules, key, chosen, count):
                    continue
                chosen[count] = key
                count += 1
            others = (orders.new if only_new else orders.everything)[segments[row]]
            far = orders.far[int(only_new)]
            for place in range(len(others)):
                if count >= 2 * needed or (place >= far and count >= needed):
                    break
                key = others[place]
                if holds(barred, barred_offsets[row], barred_offsets[row + 1], key):
                    continue
                if holds(keys, start, stop, key) or not fits(rules, key, chosen, count):
                    continue
                chosen[count], added[row, filled] = key, key
                count, filled = count + 1, filled + 1
    return added
