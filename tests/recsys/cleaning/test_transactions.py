"""Transactions: each reason, their order, and identical rows as a quantity."""

from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa

from recsys.cleaning.fields import Limits
from recsys.cleaning.known import Ids, Known
from recsys.cleaning.transactions import check_transactions, collapse, digest, split_days
from recsys.schemas import CLEANED_TRANSACTIONS

ANNA, BERTA = "a" * 64, "B" * 64
GOOD = f"2020-09-21,{ANNA},0108775015,0.0508,2"
DAY = date(2020, 9, 21)
KNOWN = Known(
    articles=Ids.of(pa.array(["0108775015", "0111565001"]), np.array([2, 3])),
    customers=Ids.of(pa.array([ANNA, BERTA]), np.array([2, 3])),
)
LIMITS = Limits(today=date(2020, 9, 23), max_price=10.0)


def check(*lines: str | bytes, day: date | None = None) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Return the valid rows, and the reason and line of the others."""
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    valid, refused = check_transactions(pa.array(raw, pa.binary()), KNOWN, LIMITS, day=day)
    return valid, [(row["reason"], row["line"]) for row in refused.to_pylist()]


def reasons(*lines: str | bytes, day: date | None = None) -> list[str | None]:
    """Return the reason of each line, as it is judged by itself."""
    found: list[str | None] = []
    for line in lines:
        valid, refused = check(line, day=day)
        assert len(valid) + len(refused) == 1
        found.append(refused[0][0] if refused else None)
    return found


def swap(column: int, value: str) -> str:
    fields = GOOD.split(",")
    fields[column] = value
    return ",".join(fields)


VALID: list[str | bytes] = [
    GOOD,
    '"' + GOOD.replace(",", '","') + '"',
    swap(3, "0"),
    swap(3, "10.0"),
    swap(3, "5e-2"),
    swap(3, ".5"),
    swap(3, "1."),
    swap(3, "+1"),
    swap(3, "-0"),
    swap(0, "2020-09-23"),
    swap(0, "2020-02-29"),
    swap(0, "0020-09-22"),
    swap(1, BERTA),
    swap(2, '"0108775015"'),
]
REJECTED: dict[str, list[str | bytes]] = {
    "not_utf8": [
        GOOD.encode() + b"\xe9", GOOD + "\ufffd", b"\xff\xfe", GOOD.encode() + b"\xed\xa0\x80",
    ],
    "wrong_column_count": [
        GOOD + ",", GOOD[:-2], "x", swap(1, f'"{ANNA[:-1]},"'), ",,,,,", '"', "\x00",
    ],
    "bad_date": [
        swap(0, value)
        for value in ("", "20200921", "2020-9-21", "2020", "2020-02-30", " 2020-09-21",
                      "2020-09-21T10", "21/09/2020", "null", "2020-W39-1", "0000-01-01",
                      "2020-09-2\u0661", '"2020-09-21', '""2020-09-21""')
    ],
    "date_in_future": [swap(0, "2020-09-24"), swap(0, "9999-12-31")],
    "bad_customer_id": [
        swap(1, value) for value in ("", ANNA[:-1], ANNA + "a", "g" * 64, f"{ANNA[:-1]}\x00")
    ],
    "bad_article_id": [
        swap(2, value) for value in ("", "108775015", "01087750155", "010877501x", "010877501\x00")
    ],
    "bad_price": [
        swap(3, value)
        for value in ("", "free", "NaN", "inf", "Infinity", "1e400", "0.05d", "0x1p3", " 1", "1-1",
                      "1_0", "1e", ".", "0.05\x00")
    ],
    "negative_price": [swap(3, "-0.01"), swap(3, "-1e-9")],
    "absurd_price": [swap(3, "10.01"), swap(3, "1e9")],
    "bad_channel": [swap(4, value) for value in ("", "3", "0", "2.0", " 1", "-1", "x", "300")],
    "unknown_customer": [swap(1, "c" * 64), swap(1, BERTA.lower())],
    "unknown_article": [swap(2, "0999999999")],
}  # fmt: skip


def test_each_row_by_itself() -> None:
    cases = [(line, None) for line in VALID]
    cases += [(line, reason) for reason, lines in REJECTED.items() for line in lines]
    found = reasons(*[line for line, _ in cases])
    unlike = [(c, r) for c, r in zip(cases, found, strict=True) if c[1] != r]
    assert unlike == []


def test_rows_among_others_are_judged_as_by_themselves() -> None:
    cases = [(reason, line) for reason, lines in REJECTED.items() for line in lines]
    mixed = [line for case, good in zip(cases, VALID * 9, strict=False) for line in (case[1], good)]
    valid, refused = check(*mixed)
    assert refused == [
        (reason, line if isinstance(line, str) else line.decode(errors="replace"))
        for reason, line in cases
    ]
    alone = [check(line)[0] for line in (VALID * 9)[: len(cases)]]
    assert valid.equals(pa.concat_tables(alone).combine_chunks())


def test_what_a_valid_row_means() -> None:
    rows = [swap(3, '"5e-2"'), swap(1, BERTA).replace("0108775015", "0111565001"), swap(3, "-0")]
    found = [tuple(row.values()) for row in check(*rows)[0].to_pylist()]
    assert found == [(DAY, 2, 2, 0.05, 2), (DAY, 3, 3, 0.0508, 2), (DAY, 2, 2, 0.0, 2)]
    assert np.copysign(1, found[2][3]) == 1


def test_of_several_faults_the_first_in_a_fixed_order_is_named() -> None:
    fields = ["2020-02-30", "short", "108775015", "-1", "9"]
    repairs = ["2020-09-24", "2020-09-21", "c" * 64, "0999999999", "11", "0.1", "1", ANNA]
    columns = [0, 0, 1, 2, 3, 3, 4, 1]
    lines = [",".join(fields).encode() + b"\xe9", ",".join([*fields, "6"]), ",".join(fields)]
    for column, value in zip(columns, repairs, strict=True):
        fields[column] = value
        lines.append(",".join(fields))
    assert [reason for reason, _ in check(*lines)[1]] == [
        "not_utf8",
        "wrong_column_count",
        "bad_date",
        "date_in_future",
        "bad_customer_id",
        "bad_article_id",
        "negative_price",
        "absurd_price",
        "bad_channel",
        "unknown_customer",
        "unknown_article",
    ]


def test_a_row_of_a_drop_must_be_of_its_day() -> None:
    lines = [GOOD, swap(0, "2020-09-22"), swap(0, "soon"), swap(0, "2020-09-24")]
    assert reasons(*lines, day=DAY) == [None, "wrong_day", "bad_date", "date_in_future"]


def test_no_lines_and_no_known_ids_are_no_fault() -> None:
    assert [len(part) for part in check()] == [0, 0]
    nobody = Known(*(Ids.of(pa.array([], pa.string()), np.array([])) for _ in range(2)))
    _, refused = check_transactions(pa.array([GOOD.encode()]), nobody, LIMITS)
    assert refused["reason"].to_pylist() == ["unknown_customer"]


def test_identical_rows_become_one_with_a_quantity() -> None:
    lines = [GOOD, swap(4, "1"), GOOD, swap(3, "0.0509"), swap(2, "0111565001"), swap(1, BERTA),
             GOOD, swap(3, "0.05080")]  # fmt: skip
    collapsed = collapse(check(*lines)[0])
    assert collapsed.schema == CLEANED_TRANSACTIONS
    assert [tuple(row.values()) for row in collapsed.to_pylist()] == [
        (DAY, 2, 2, 0.0508, 1, 1),
        (DAY, 2, 2, 0.0508, 2, 4),
        (DAY, 2, 2, 0.0509, 2, 1),
        (DAY, 2, 3, 0.0508, 2, 1),
        (DAY, 3, 2, 0.0508, 2, 1),
    ]
    assert collapse(check(*lines[::-1])[0]).equals(collapsed)
    assert collapse(collapsed.slice(0, 0)).num_rows == 0


def test_rows_are_split_into_their_days_in_order() -> None:
    rows = check(GOOD, swap(0, "2020-09-20"), swap(4, "1"), swap(0, "2020-02-29"))[0]
    found = [(day, part["sales_channel_id"].to_pylist()) for day, part in split_days(rows)]
    assert found == [(date(2020, 2, 29), [2]), (date(2020, 9, 20), [2]), (DAY, [2, 1])]
    assert list(split_days(rows.slice(0, 0))) == []


def test_a_day_s_digest_says_which_rows_it_has() -> None:
    rows = collapse(check(GOOD, swap(4, "1"), swap(1, BERTA))[0])
    assert digest(rows.take([2, 0, 1])) == digest(rows)
    lines = [swap(4, "1"), swap(3, "0.0509"), swap(2, "0111565001"), swap(1, BERTA),
             swap(0, "2020-09-20")]  # fmt: skip
    others = [collapse(check(*found)[0]) for found in ([GOOD], [GOOD, GOOD], *([n] for n in lines))]
    found = sorted(map(digest, [rows, rows.slice(1), *others]))
    assert all(one != other for one, other in pairwise(found))
    assert all(len(one) == 16 for one in found)


def test_a_digest_is_that_of_splitmix64() -> None:
    def mix(bits: int) -> int:
        bits = (bits + 0x9E3779B97F4A7C15) % 2**64
        bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
        return bits ^ bits >> 31

    expected = 0
    for bits in (18526, 2, 2, int.from_bytes(np.float64(0.0508).tobytes(), "little"), 2, 1):
        expected = mix(expected ^ bits)
    assert digest(collapse(check(GOOD)[0])) == f"{expected:016x}"
