"""Ids that are known, by a look-up of their bytes."""

import random

import numpy as np
import pyarrow as pa
import pytest

from recsys.cleaning.known import Ids, ScannedIds
from recsys.errors import RecsysError


@pytest.mark.parametrize("width", [1, 8, 10, 64])
def test_known_ids_have_their_keys_and_others_none(width: int) -> None:
    rng = random.Random(width)
    ids = sorted({"".join(rng.choices("0123456789abcdef", k=width)) for _ in range(3000)})
    keys = {name: key for key, name in enumerate(rng.sample(ids, len(ids) // 2), start=2)}
    table = Ids.of(pa.array(list(keys)), np.array(list(keys.values())))
    asked = [*ids, "", "x" * width, ids[0] + "0", ids[0][:-1], "\u00e9" * width, *ids[::-1]]
    chunks = pa.chunked_array([list(keys)[:9], list(keys)[9:]])
    scanned = ScannedIds(chunks, np.array(list(keys.values()), np.int32))
    for found in (table.find(pa.array(asked)), scanned.find(pa.array(asked))):
        assert found.dtype == np.int32
        assert found.tolist() == [keys.get(name, 0) for name in asked]


def test_nothing_is_known_by_an_empty_table() -> None:
    nothing = pa.array([], pa.string())
    assert Ids.of(nothing, np.array([])).find(pa.array(["a", ""])).sum() == 0
    scanned = ScannedIds(pa.chunked_array([nothing]), np.empty(0, np.int32))
    assert scanned.find(pa.array(["a", ""])).tolist() == [0, 0]
    assert scanned.find(nothing).tolist() == []


def test_slices_are_looked_up_as_they_are() -> None:
    ids = pa.array(["aa", "bb", "cc"])
    table = Ids.of(ids.slice(1), np.array([2, 3]))
    assert table.find(ids.slice(1)).tolist() == [2, 3]
    assert table.find(ids).tolist() == [0, 2, 3]


def test_an_id_cannot_be_there_twice() -> None:
    with pytest.raises(RecsysError, match="cannot be told apart"):
        Ids.of(pa.array(["aa", "bb", "aa"]), np.array([2, 3, 4]))
