"""Raw files as pieces: the same lines whatever their size and whatever ends a line."""

from datetime import date
from pathlib import Path

import pytest

from recsys.cleaning.pieces import Piece, cut_file, read_lines


def pieces_of(path: Path, content: bytes, piece_bytes: int = 1 << 20) -> list[Piece]:
    path.write_bytes(content)
    return cut_file(str(path), file="f.csv", day=None, piece_bytes=piece_bytes)


def lines_of(pieces: list[Piece]) -> list[bytes]:
    return [line for piece in pieces for line in read_lines(piece).to_pylist()]


@pytest.mark.parametrize(
    "content",
    [
        b"head\na,1\nb,2\n",
        b"head\na,1\nb,2",
        b"head\r\na,1\r\nb,2\r\n",
        b"head\ra,1\rb,2\r",
        b"\xef\xbb\xbfhead\na,1\nb,2\n",
        b"head\n\na,1\n  \n\r\n\rb,2\n\n\n",
    ],
    ids=["lf", "no-last-end", "crlf", "cr", "bom", "blank-lines"],
)
def test_lines_without_header_and_blanks(tmp_path: Path, content: bytes) -> None:
    for piece_bytes in range(1, len(content) + 1):
        pieces = pieces_of(tmp_path / "f.csv", content, piece_bytes)
        assert lines_of(pieces) == [b"a,1", b"b,2"], piece_bytes
        assert pieces[0].start == 0
        assert pieces[-1].end == len(content)


def test_only_the_first_line_is_the_header_and_bytes_stay_as_they_are(tmp_path: Path) -> None:
    found = lines_of(pieces_of(tmp_path / "f.csv", b"head\n a \nhead\n\xff\x00\n\t\n"))
    assert found == [b" a ", b"head", b"\xff\x00", b"\t"]


@pytest.mark.parametrize(("day", "kept"), [(None, 3), (date(2020, 9, 21), 2)])
def test_a_file_of_a_day_may_repeat_its_header(tmp_path: Path, day: date | None, kept: int) -> None:
    header = b"t_dat,customer_id,article_id,price,sales_channel_id\n"
    path = tmp_path / "f.csv"
    path.write_bytes(header + b"a\n" + header + b"b\n")
    [piece] = cut_file(str(path), file="f.csv", day=day)
    assert len(read_lines(piece)) == kept


def test_a_file_is_cut_where_lines_begin(tmp_path: Path) -> None:
    long = b"x" * 200_000  # more than is looked at at once
    content = b"head\naa\r\n" + long + b"\rbb\ncc\n"
    pieces = pieces_of(tmp_path / "f.csv", content, 8)
    assert [read_lines(piece).to_pylist() for piece in pieces] == [[b"aa"], [long], [b"bb", b"cc"]]
    assert [(p.start, p.end) for p in pieces] == [(0, 9), (9, 200_010), (200_010, 200_016)]


def test_a_piece_knows_its_file_and_day(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"head\na\n")
    [piece] = cut_file(str(path), file="drop/a.csv", day=date(2020, 9, 21))
    assert (piece.file, piece.day) == ("drop/a.csv", date(2020, 9, 21))
