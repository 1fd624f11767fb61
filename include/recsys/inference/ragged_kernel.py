"""What is done with rows of different lengths entry by entry, by compiled code."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled

Floats = NDArray[np.float32]
Keys = NDArray[np.int32]
Places = NDArray[np.int64]
Codes = NDArray[np.uint64]

LOW = np.uint64(0xFFFFFFFF)


@compiled
def choose_best(offsets: Places, values: Floats, chosen: Places, places: Places) -> None:
    """Write the places of each row's entries of the largest values, best first, ties as they stand.

    NaN counts as less than all numbers.

    Args:
        offsets: [rows + 1], of the entries.
        values: [entries], at most 2**32 a row.
        chosen: [rows + 1], offsets of what is written: no more than a row has.
        places: [chosen[-1]].
    """
    longest = 1
    for row in range(len(offsets) - 1):
        longest = max(longest, chosen[row + 1] - chosen[row])
    heap = np.empty(longest, np.uint64)
    bits = values.view(np.int32)
    for row in range(len(offsets) - 1):
        start, size, count = offsets[row], 0, chosen[row + 1] - chosen[row]
        for entry in range(start, offsets[row + 1]):
            code = _code(values[entry], bits[entry], entry - start)
            if size < count:
                _rise(heap, size, code)
                size += 1
            elif count and code < heap[0]:
                _sink(heap, size, code)
        while size:
            size -= 1
            places[chosen[row] + size] = start + np.int64(heap[0] & LOW)
            _sink(heap, size, heap[size])


@compiled
def _code(value: np.float32, bits: np.int32, place: int) -> np.uint64:
    """Return a number that is the smaller the larger the value, then the place, from 0, is."""
    # All bits of a float but the sign rise with its size: 0.0 and -0.0 are both 0 here.
    rising = np.int64(bits)
    if np.isnan(value):
        rising = np.int64(1 - 2**31)
    elif bits < 0:
        rising = -(rising + 2**31)
    return np.uint64(2**31 - rising) << np.uint64(32) | np.uint64(place)


@compiled
def _rise(heap: Codes, at: int, code: np.uint64) -> None:
    """Add a number to a heap of `at` numbers, whose largest is first."""
    while at and heap[(at - 1) >> 1] < code:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = code


@compiled
def _sink(heap: Codes, size: int, code: np.uint64) -> None:
    """Put a number in the place of the largest of a heap of `size` numbers."""
    at, below = 0, 1
    while below < size:
        if below + 1 < size and heap[below + 1] > heap[below]:
            below += 1
        if heap[below] <= code:
            break
        heap[at] = heap[below]
        at, below = below, 2 * below + 1
    if size:
        heap[at] = code


@compiled
def find_places(offsets: Places, keys: Keys, asked: tuple[Places, Keys], places: Places) -> None:
    """Write where among all entries each key asked for is; -1 where its row lacks it.

    Args:
        offsets: [rows + 1], of the entries.
        keys: [entries], ascending in a row; of equal ones the first is found.
        asked: rows [n] and keys [n].
        places: [n].
    """
    rows, wanted = asked
    low = 0
    for at in range(len(wanted)):
        row, key = rows[at], wanted[at]
        end = offsets[row + 1]
        # Whoever asks in order goes on from where the last key was or would be.
        if not at or row != rows[at - 1] or key < wanted[at - 1]:
            low = offsets[row]
        step = 1
        while low + step <= end and keys[low + step - 1] < key:
            low += step
            step *= 2
        high = min(low + step - 1, end)
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        places[at] = low if low < end and keys[low] == key else -1


@compiled
def unite(offsets: Places, keys: Keys, bits: Keys) -> tuple[Places, Keys, Keys]:
    """Return the distinct keys of each row of several sources, ascending, and whose they are.

    Args:
        offsets: [sources, rows + 1], where each source's rows begin in `keys`.
        keys: [entries], from 0; a source has a key once in a row.
        bits: [sources], one each.

    Returns:
        Offsets [rows + 1], keys, and the sum of the bits of each key's sources.
    """
    rows = offsets.shape[1] - 1
    united, found, by = np.zeros(rows + 1, np.int64), np.empty_like(keys), np.empty_like(keys)
    codes = np.empty(max(len(keys), 1), np.int64)
    size = 0
    for row in range(rows):
        count = 0
        for source in range(len(bits)):
            for entry in range(offsets[source, row], offsets[source, row + 1]):
                codes[count] = np.int64(keys[entry]) << 32 | bits[source]
                count += 1
        codes[:count].sort()
        first = size
        for at in range(count):
            key, bit = codes[at] >> 32, codes[at] & 0xFFFFFFFF
            if size > first and found[size - 1] == key:
                by[size - 1] += bit
            else:
                found[size], by[size] = key, bit
                size += 1
        united[row + 1] = size
    return united, found[:size].copy(), by[:size].copy()


@partial(compiled, fastmath={"reassoc", "contract"})
def products(offsets: Places, keys: Keys, vectors: tuple[Floats, Floats], found: Floats) -> None:
    """Write the dot product of each row's vector with those of its entries, [entries].

    Args:
        offsets: [rows + 1], of the entries.
        keys: [entries], rows of the other vectors.
        vectors: [rows, dim] and [others, dim].
        found: [entries].
    """
    own, others = vectors
    for row in range(len(offsets) - 1):
        for entry in range(offsets[row], offsets[row + 1]):
            total = np.float32(0)
            for dim in range(own.shape[1]):
                total += own[row, dim] * others[keys[entry], dim]
            found[entry] = total
