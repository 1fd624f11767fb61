"""Keys: dense, ascending with the id, and never changed."""

import pyarrow as pa

from recsys.cleaning.keys import extend_keys, new_keys
from recsys.paths import Partition
from recsys.schemas import KEYS
from recsys.step import Step
from recsys.storage import Lake


def added(ids: list[str], known: dict[str, int]) -> list[tuple[str, int]]:
    table = pa.table([list(known), list(known.values())], schema=KEYS["articles"])
    found = new_keys(pa.array(ids, pa.string()), table)
    assert found.schema == KEYS["articles"]
    return list(zip(*(column.to_pylist() for column in found), strict=True))


def test_the_first_keys_start_at_two_in_the_order_of_the_ids() -> None:
    assert added(["0300", "0100", "0200"], {}) == [("0100", 2), ("0200", 3), ("0300", 4)]


def test_new_ids_come_after_the_old_whatever_their_order() -> None:
    old = {"0200": 2, "0300": 3}
    assert added(["0300", "0250", "0100"], old) == [("0100", 4), ("0250", 5)]


def extend(lake: Lake, *ids: str, fingerprint: str) -> list[int]:
    step = Step(lake, [Partition("keys.articles", "all")], {}, {}, fingerprint)
    return extend_keys(step, pa.array(ids, pa.string()), "articles").tolist()


def test_a_map_only_grows(lake: Lake) -> None:
    assert extend(lake, "0300", "0200", fingerprint="one") == [3, 2]
    assert extend(lake, "0100", "0300", fingerprint="two") == [4, 3]
    assert extend(lake, "0300", fingerprint="three") == [3]
    manifest = lake.require(Partition("keys.articles", "all"))
    assert (manifest.fingerprint, manifest.rows, manifest.counts) == ("two", 3, {"keys_added": 1})


def test_a_map_is_written_in_the_order_of_its_keys(lake: Lake) -> None:
    extend(lake, "0300", "0200", fingerprint="one")
    extend(lake, "0100", fingerprint="two")
    table = lake.read(Partition("keys.articles", "all"))
    assert table.to_pydict() == {
        "article_id": ["0200", "0300", "0100"],
        "article_key": [2, 3, 4],
    }


def test_nobody_yet_is_a_map_without_rows(lake: Lake) -> None:
    assert extend(lake, fingerprint="one") == []
    assert lake.require(Partition("keys.articles", "all")).rows == 0
