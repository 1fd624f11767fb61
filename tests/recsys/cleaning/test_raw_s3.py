"""A raw folder in a bucket is judged like one on disk."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.s3 import Store

from recsys.cleaning.pieces import cut_file, read_lines
from recsys.cleaning.raw import check_folder, drop_folders, latest_day
from recsys.cleaning.sources import find_sources
from recsys.digest import sha256_of_file
from recsys.errors import DataError

FILES = ("articles.csv", "customers.csv", "transactions_train.csv")


@pytest.fixture
def data(s3: Store, raw_folder: Any) -> str:
    """The address of the tiny raw folder, uploaded."""
    upload(s3, raw_folder.path)
    return f"{s3.address}/raw"


def upload(s3: Store, folder: Path) -> None:
    for name in FILES:
        s3.put(f"raw/{name}", (folder / name).read_bytes())


@pytest.mark.parametrize("end", ["", "/"])
def test_a_usable_folder_gives_the_address_of_each_file(data, end):
    assert check_folder(data + end) == {name: f"{data}/{name}" for name in FILES}


def test_pieces_of_a_file_have_all_of_its_lines(data, raw_folder):
    pieces = cut_file(f"{data}/{FILES[2]}", file=FILES[2], day=None, piece_bytes=100)
    lines = [line for piece in pieces for line in read_lines(piece).to_pylist()]
    assert len(pieces) == 3
    assert [line.decode() for line in lines] == raw_folder.lines(FILES[2])[1:]


def test_the_latest_day(data):
    assert latest_day(data) == date(2020, 9, 22)


def test_a_folder_or_a_bucket_that_is_not_there(s3, data):
    for address in (f"{s3.address}/nowhere", "s3://not-there-at-all/raw"):
        with pytest.raises(DataError, match=f"no folder {address}: expected one that holds"):
            check_folder(address)


def test_all_faults_of_all_files_come_at_once(s3, data):
    s3.delete("raw/articles.csv")
    s3.put("raw/customers.csv", b"")
    with pytest.raises(DataError) as caught:
        check_folder(data)
    assert caught.value.faults == [
        f"{data}: articles.csv is missing",
        "customers.csv is empty",
    ]


def test_files_that_came_or_changed_since_the_last_look_are_seen(s3, data, raw_folder):
    s3.delete("raw/transactions_train.csv")
    with pytest.raises(DataError, match=r"transactions_train\.csv is missing"):
        check_folder(data)
    upload(s3, raw_folder.path)
    assert latest_day(data) == date(2020, 9, 22)
    raw_folder.add(
        "transactions_train.csv", f"2020-09-25,{raw_folder.ANNA},{raw_folder.BRA},0.0305,1"
    )
    upload(s3, raw_folder.path)
    assert latest_day(data) == date(2020, 9, 25)


def test_daily_drops_are_found_by_their_day(s3, data, raw_folder):
    header = raw_folder.lines("transactions_train.csv")[0]
    line = f"2020-09-24,{raw_folder.ANNA},{raw_folder.BRA},0.0305,1"
    s3.put("raw/transactions/", b"")  # how consoles and Hadoop mark a folder
    s3.put("raw/transactions/t_dat=2020-09-24/", b"")
    s3.put("raw/transactions/t_dat=2020-09-24/a.csv", f"{header}\n{line}\n".encode())
    s3.put("raw/transactions/_SUCCESS", b"")
    path = f"{s3.bucket}/raw/transactions/t_dat=2020-09-24/a.csv"
    assert drop_folders(data) == ({date(2020, 9, 24): [path]}, [])
    assert latest_day(data) == date(2020, 9, 24)
    dump, drop = find_sources(data, sha256=sha256_of_file)
    assert (dump.name, dump.day) == ("transactions_train.csv", None)
    assert (drop.name, drop.files) == ("transactions/t_dat=2020-09-24", (f"s3://{path}",))


def test_drops_that_are_none_are_told(s3, data):
    s3.put("raw/transactions/t_dat=2020-13-01/a.csv", b"x")
    s3.put("raw/transactions/t_dat=2020-09-24/readme.txt", b"x")
    assert drop_folders(data) == (
        {},
        [
            "transactions/t_dat=2020-09-24 holds no .csv file",
            "transactions/t_dat=2020-13-01 must read t_dat=YYYY-MM-DD",
        ],
    )
    with pytest.raises(DataError, match=r"holds no \.csv file"):
        find_sources(data, sha256=sha256_of_file)
