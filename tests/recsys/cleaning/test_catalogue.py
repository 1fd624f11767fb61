"""Articles and customers: each reason, types, nulls, and the first valid row of an id."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.cleaning.catalogue import (
    Checked,
    check_articles,
    check_customers,
    check_file,
    keep,
)
from recsys.cleaning.reasons import ORDER, VALID, Reason
from recsys.schemas import CLEANED_ARTICLES, CLEANED_CUSTOMERS

ANNA, BERTA, POSTAL = "a" * 64, "b" * 64, "5" * 64
CUSTOMER = f"{ANNA},1,1.0,ACTIVE,Regularly,49,{POSTAL}"
ARTICLE = (
    "0108775015,0108775,Strap top,253,Vest top,Garment Upper body,1010016,Solid,9,Black,4,Dark,5,"
    'Black,1676,Jersey Basic,A,Ladieswear,1,Ladieswear,16,Womens,1002,Jersey,"A ""top"", black"'
)


CHECKS = {
    "articles.csv": (check_articles, Reason.DUPLICATE_ARTICLE),
    "customers.csv": (check_customers, Reason.DUPLICATE_CUSTOMER),
}


def check(folder: Path, name: str, *lines: str, piece_bytes: int = 1 << 20) -> Checked:
    """Return what becomes of a file of lines."""
    (folder / name).write_text("\n".join(["head", *lines, ""]), encoding="utf-8")
    return check_file(str(folder / name), *CHECKS[name], piece_bytes=piece_bytes)


def reasons(name: str, lines: list[str]) -> list[str | None]:
    """Return the reason of each line by itself."""
    _, faults = CHECKS[name][0](pa.array([line.encode() for line in lines]))
    return [None if fault == VALID else str(ORDER[fault]) for fault in faults]


def swap(line: str, column: int, value: str) -> str:
    fields = line.split(",", 24)
    fields[column] = value
    return ",".join(fields)


ARTICLES: list[tuple[str, str | None]] = [
    (ARTICLE, None),
    (swap(ARTICLE, 3, "-1"), None),
    (swap(ARTICLE, 3, ""), None),
    (swap(ARTICLE, 0, "108775015"), "bad_article_id"),
    (swap(ARTICLE, 0, ""), "bad_article_id"),
    (swap(ARTICLE, 0, "01087750155"), "bad_article_id"),
    (swap(ARTICLE, 3, "x"), "bad_number"),
    (swap(ARTICLE, 22, "1.5"), "bad_number"),
    (swap(ARTICLE, 22, "99999999999"), "bad_number"),
    (ARTICLE + ",more", "wrong_column_count"),
    (swap(ARTICLE, 2, "Strap, top"), "wrong_column_count"),
    (swap(ARTICLE, 2, "Str\ufffdp top"), "not_utf8"),
    (swap(swap(ARTICLE, 3, "x"), 0, "108775015"), "bad_article_id"),
]


CUSTOMERS: list[tuple[str, str | None]] = [
    (CUSTOMER, None),
    (f"{ANNA},,,,,,", None),
    (swap(CUSTOMER, 5, "1"), None),
    (swap(CUSTOMER, 5, "120"), None),
    (swap(CUSTOMER, 5, "49.0"), None),
    (swap(CUSTOMER, 5, "0"), "bad_age"),
    (swap(CUSTOMER, 5, "121"), "bad_age"),
    (swap(CUSTOMER, 5, "-5"), "bad_age"),
    (swap(CUSTOMER, 5, "49.5"), "bad_age"),
    (swap(CUSTOMER, 5, "old"), "bad_age"),
    (swap(CUSTOMER, 1, "yes"), "bad_number"),
    (swap(CUSTOMER, 2, "2"), "bad_number"),
    (swap(CUSTOMER, 0, ANNA[:-1]), "bad_customer_id"),
    (swap(CUSTOMER, 0, "g" * 64), "bad_customer_id"),
    (swap(CUSTOMER, 0, ""), "bad_customer_id"),
    (CUSTOMER + ",", "wrong_column_count"),
    (CUSTOMER.removesuffix("," + POSTAL), "wrong_column_count"),
    (swap(CUSTOMER, 6, "\ufffd"), "not_utf8"),
    (swap(swap(CUSTOMER, 5, "0"), 1, "yes"), "bad_number"),
]


def unlike(cases: list[tuple[str, str | None]], found: list[str | None]) -> list[object]:
    """Return the cases whose reason is not the expected one."""
    return [(c, f) for c, f in zip(cases, found, strict=True) if c[1] != f]


def test_articles() -> None:
    assert unlike(ARTICLES, reasons("articles.csv", [line for line, _ in ARTICLES])) == []


def test_customers() -> None:
    assert unlike(CUSTOMERS, reasons("customers.csv", [line for line, _ in CUSTOMERS])) == []


def test_the_first_valid_row_of_an_article_wins(tmp_path: Path) -> None:
    lines = [swap(ARTICLE, 3, "x"), swap(ARTICLE, 3, "7"), ARTICLE, ARTICLE]
    checked = check(tmp_path, "articles.csv", *lines)
    assert checked.valid["product_type_no"].to_pylist() == [7]
    assert checked.refused["reason"].to_pylist() == [
        "bad_number", "duplicate_article", "duplicate_article",
    ]  # fmt: skip
    assert checked.refused["line"].to_pylist() == [lines[0], ARTICLE, ARTICLE]
    assert checked.read == 4


def test_the_first_valid_row_of_a_customer_wins_across_pieces(
    tmp_path: Path,
) -> None:
    lines = [swap(CUSTOMER, 5, "0"), swap(CUSTOMER, 5, "20"), CUSTOMER, swap(CUSTOMER, 0, BERTA)]
    whole = check(tmp_path, "customers.csv", *lines)
    assert whole.valid["customer_id"].to_pylist() == [ANNA, BERTA]
    assert whole.valid["age"].to_pylist() == [20, 49]
    assert whole.refused["reason"].to_pylist() == ["bad_age", "duplicate_customer"]
    assert whole.refused["line"].to_pylist() == [lines[0], CUSTOMER]
    for piece_bytes in (10, 200, 400):
        assert check(tmp_path, "customers.csv", *lines, piece_bytes=piece_bytes) == whole


def test_cleaned_articles_are_typed_and_sorted_by_key(tmp_path: Path) -> None:
    other = swap(swap(ARTICLE, 0, "0999999999"), 24, "")
    checked = check(tmp_path, "articles.csv", ARTICLE, other, ARTICLE)
    kept = keep(checked, np.array([3, 2], np.int32), CLEANED_ARTICLES)
    assert kept.schema == CLEANED_ARTICLES
    first, second = kept.to_pylist()
    assert (first["article_key"], first["article_id"], first["detail_desc"]) == (
        2, "0999999999", None,
    )  # fmt: skip
    assert tuple(second.values()) == (
        3, "0108775015", "0108775", "Strap top", 253, "Vest top", "Garment Upper body", 1010016,
        "Solid", 9, "Black", 4, "Dark", 5, "Black", 1676, "Jersey Basic", "A", "Ladieswear", 1,
        "Ladieswear", 16, "Womens", 1002, "Jersey", 'A "top", black',
    )  # fmt: skip


def test_cleaned_customers_are_typed_and_sorted_by_key(tmp_path: Path) -> None:
    checked = check(tmp_path, "customers.csv", CUSTOMER, f"{BERTA},,0,,None,,")
    kept = keep(checked, np.array([3, 2], np.int32), CLEANED_CUSTOMERS)
    assert kept.schema == CLEANED_CUSTOMERS
    assert [tuple(row.values()) for row in kept.to_pylist()] == [
        (2, BERTA, None, False, None, "NONE", None, "unknown", None),
        (3, ANNA, True, True, "ACTIVE", "Regularly", 49, "40-49", POSTAL),
    ]


def test_statuses_nobody_knows_become_null_and_are_counted(tmp_path: Path) -> None:
    lines = [
        f"{ANNA},,,PAUSED,Weekly,30,",
        f"{BERTA},,,LEFT CLUB,Monthly,30,",
        f"{'c' * 64},,,pre-create,NONE,30,",
        "short,,,PAUSED,NONE,30,",
    ]
    checked = check(tmp_path, "customers.csv", *lines)
    names = ["club_member_status", "fashion_news_frequency"]
    assert [tuple(row.values()) for row in checked.valid.select(names).to_pylist()] == [
        (None, None), ("LEFT CLUB", "Monthly"), (None, "NONE"),
    ]  # fmt: skip
    assert checked.unrecognised == 3


def test_age_bands_are_half_open(tmp_path: Path) -> None:
    ages = [16, 19, 20, 24, 25, 29, 30, 39, 40, 49, 50, 59, 60, 99]
    lines = [swap(swap(CUSTOMER, 0, f"{age:064}"), 5, str(age)) for age in ages]
    assert check(tmp_path, "customers.csv", *lines).valid["age_band"].to_pylist() == [
        "16-19", "16-19", "20-24", "20-24", "25-29", "25-29", "30-39", "30-39",
        "40-49", "40-49", "50-59", "50-59", "60+", "60+",
    ]  # fmt: skip


def test_a_file_without_a_valid_row(tmp_path: Path) -> None:
    checked = check(tmp_path, "customers.csv", "x", "y,z")
    assert (len(checked.valid), len(checked.refused), checked.unrecognised) == (0, 2, 0)
    assert keep(checked, np.empty(0, np.int32), CLEANED_CUSTOMERS).schema == CLEANED_CUSTOMERS


def test_the_tiny_folder_is_faultless(raw_folder: Any) -> None:
    for name, count in (("articles.csv", 3), ("customers.csv", 2)):
        assert reasons(name, raw_folder.lines(name)[1:]) == [None] * count
