"""Faults of whole files: all of them in one error, and the day after which the data end."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recsys.cleaning.raw import check_folder, latest_day
from recsys.errors import DataError

HEADER = "t_dat,customer_id,article_id,price,sales_channel_id"
ROW = "2020-09-21," + "a" * 64 + ",0108775015,0.05,2"


def faults(folder: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        check_folder(str(folder))
    return caught.value.faults


def test_a_usable_folder_gives_the_address_of_each_file(raw_folder: Any) -> None:
    folder = raw_folder.path
    assert check_folder(str(folder)) == {
        "articles.csv": f"{folder}/articles.csv",
        "customers.csv": f"{folder}/customers.csv",
        "transactions_train.csv": f"{folder}/transactions_train.csv",
    }


def test_a_missing_folder(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere") == [
        f"no folder {tmp_path}/nowhere: expected one that holds"
        " articles.csv, customers.csv, transactions_train.csv"
    ]


def test_all_faults_of_all_files_come_at_once(raw_folder: Any) -> None:
    (raw_folder.path / "articles.csv").unlink()
    raw_folder.write("customers.csv", *raw_folder.lines("customers.csv")[:1])
    raw_folder.write("transactions_train.csv", "t_dat,customer_id,price,channel", ROW)
    assert faults(raw_folder.path) == [
        f"{raw_folder.path}: articles.csv is missing",
        "customers.csv has a header and no rows",
        "transactions_train.csv: column article_id is missing",
        "transactions_train.csv: column sales_channel_id is missing",
        "transactions_train.csv: column channel is not known",
    ]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], " is empty"),
        (["", HEADER, ROW], " starts with a blank line"),
        ([HEADER], " has a header and no rows"),
        ([HEADER, "", "  "], " has a header and no rows"),
        ([ROW], ": column t_dat is missing"),
        ([HEADER + ",t_dat", ROW], ": a column stands there twice: " + HEADER + ",t_dat"),
        (
            ["customer_id,t_dat,article_id,price,sales_channel_id", ROW],
            f": columns must be in the order {HEADER}."
            " Got customer_id,t_dat,article_id,price,sales_channel_id",
        ),
        ([b"t_dat,caf\xe9", ROW], ": the header is not UTF-8"),
    ],
    ids=[
        "empty",
        "blank-first",
        "header-only",
        "blank-rows",
        "no-header",
        "twice",
        "order",
        "utf8",
    ],
)
def test_a_fault_of_a_file(raw_folder: Any, lines: list[str | bytes], fault: str) -> None:
    raw_folder.write("transactions_train.csv", *lines)
    assert faults(raw_folder.path)[0] == f"{raw_folder.path}: transactions_train.csv{fault}"


@pytest.mark.parametrize("header", [HEADER, '"' + HEADER.replace(",", '","') + '"'])
def test_byte_order_mark_quotes_and_crlf_are_no_faults(raw_folder: Any, header: str) -> None:
    raw_folder.write("transactions_train.csv", header, ROW, end=b"\r\n", start=b"\xef\xbb\xbf")
    assert len(check_folder(str(raw_folder.path))) == 3
    assert latest_day(str(raw_folder.path)) == date(2020, 9, 21)


def test_the_latest_day(raw_folder: Any) -> None:
    assert latest_day(str(raw_folder.path)) == date(2020, 9, 22)


def test_days_that_cannot_be_read_or_lie_ahead_do_not_count(raw_folder: Any) -> None:
    rows = [ROW.replace("2020-09-21", day) for day in ("2020-09-24", "9999-01-01", "2020-13-01")]
    rows += [ROW.replace("2020-09-21", day) for day in ("20201001", "", "zzz", "2020-W40-1")]
    damaged = ["2021-01-01,two fields", '"unclosed,1,2,3,4', b"\xff" + ROW.encode(), b"\xff\xfe"]
    raw_folder.write("transactions_train.csv", HEADER, *damaged, *rows, ROW)
    assert latest_day(str(raw_folder.path), today=date(2020, 9, 25)) == date(2020, 9, 24)
    assert latest_day(str(raw_folder.path), today=date(2020, 9, 24)) == date(2020, 9, 24)
    assert latest_day(str(raw_folder.path), today=date(2020, 9, 23)) == date(2020, 9, 21)


def test_no_usable_day_at_all(raw_folder: Any) -> None:
    raw_folder.write("transactions_train.csv", HEADER, ROW.replace("2020", "9020"))
    with pytest.raises(DataError, match="no row has a day that reads YYYY-MM-DD"):
        latest_day(str(raw_folder.path))
