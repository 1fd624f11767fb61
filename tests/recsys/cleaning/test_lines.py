"""Fields of lines, and lines that are set aside."""

import pyarrow as pa

from recsys.cleaning.lines import Split, refuse, set_aside, split_commas, split_csv, split_fields
from recsys.cleaning.reasons import VALID, Reason, fault

QUOTED: dict[str, list[str]] = {
    '1,"a, ""b"" c",3': ["1", 'a, "b" c', "3"],
    "1,,": ["1", "", ""],
    '"","",""': ["", "", ""],
    '1,5" heel,3': ["1", '5" heel', "3"],
    '1,"a\\",3': ["1", "a\\", "3"],
    "1, a ,ö": ["1", " a ", "ö"],
}
WRONG_COUNT = ["1,2", "1,2,3,4", '1,"2,3', "1", '1,2,"3', '1,"2"2,3']
SPLIT = {
    "a,b,": ["a", "b", ""],
    '"a","b",c': ["a", "b", "c"],
    '"a","",b': ["a", "", "b"],
    'a"b,c,"d': ['a"b', "c", '"d'],
    '"a,b",c': ['"a', 'b"', "c"],
}


def rows_of(split: Split, lines: list[str]) -> tuple[list[list[str]], list[int], list[int]]:
    found = split_fields(pa.array([line.encode() for line in lines]), split, width=3)
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    return list(map(list, rows)), found.rows.tolist(), found.faults.tolist()


def test_fields_by_the_rules_of_csv() -> None:
    rows, places, faults = rows_of(split_csv, [*WRONG_COUNT, *QUOTED])
    assert rows == list(QUOTED.values())
    assert places == list(range(len(WRONG_COUNT), len(WRONG_COUNT) + len(QUOTED)))
    wrong = fault(Reason.WRONG_COLUMN_COUNT)
    assert faults == [wrong] * len(WRONG_COUNT) + [VALID] * len(QUOTED)


def test_fields_without_commas_may_have_quotes_around_them() -> None:
    assert rows_of(split_commas, list(SPLIT))[0] == list(SPLIT.values())
    assert rows_of(split_commas, ["a,b,c", "a", "d,,"])[:2] == (
        [["a", "b", "c"], ["d", "", ""]], [0, 2],
    )  # fmt: skip


def test_bytes_that_are_not_utf8_are_set_aside_and_readable() -> None:
    lines = pa.array([b"caf\xc3\xa9,,", b"caf\xe9,,", "lost \ufffd,,".encode(), b"a,b"])
    found = split_fields(lines, split_commas, width=3)
    assert found.columns[0].to_pylist() == ["café"]
    refused = refuse(pa.chunked_array([lines]), found.faults)
    assert set_aside(refused, "customers.csv").to_pylist() == [
        {"reason": "not_utf8", "file": "customers.csv", "line": "caf\ufffd,,"},
        {"reason": "not_utf8", "file": "customers.csv", "line": "lost \ufffd,,"},
        {"reason": "wrong_column_count", "file": "customers.csv", "line": "a,b"},
    ]


def test_no_line_is_no_field() -> None:
    nothing = pa.array([], pa.binary())
    for split in (split_csv, split_commas):
        found = split_fields(nothing, split, width=3)
        assert [len(column) for column in found.columns] == [0, 0, 0]
