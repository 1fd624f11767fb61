"""What is done with rows of different lengths entry by entry, by compiled code."""

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.topk_exact import dots

Floats = NDArray[np.float32]
Keys = NDArray[np.int32]
Places = NDArray[np.int64]
Values = NDArray[np.int32]

LOW = np.int64(0xFFFFFFFF)


@compiled
def choose_best(offsets: Places, values: Values, chosen: Places, places: Places) -> None:
    """Write the places of each row's entries of the largest values, best first, ties as they stand.

    Args:
        offsets: [rows + 1], of the entries.
        values: int32 [entries], fewer than 2**31 a row.
        chosen: [rows + 1], offsets of what is written: no more than a row has.
        places: [chosen[-1]].
    """
    codes = np.empty(len(values), np.int64)
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        for entry in range(start, end):
            codes[entry] = (entry - start) - (np.int64(values[entry]) << 32)
        codes[start:end].sort()
        for at in range(chosen[row + 1] - chosen[row]):
            places[chosen[row] + at] = start + (codes[start + at] & LOW)


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


@compiled
def products(offsets: Places, keys: Keys, vectors: tuple[Floats, Floats], found: Floats) -> None:
    """Write the dot product of each row's vector with those of its entries.

    Args:
        offsets: [rows + 1], of the entries.
        keys: [entries], rows of the other vectors.
        vectors: [rows, dim] and [others, dim].
        found: [entries].
    """
    own, others = vectors
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        dots(own[row].astype(np.float64), others, keys[start:end], found[start:end])
