"""Arrow tables on their way into Postgres, and read back from it."""

import threading
import weakref

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from xxhash import xxh3_128_hexdigest

from recsys.serving.binary import HEADER, TRAILER, encode
from recsys.serving.copying import RowStream, copy_in

TABLES = [
    pa.table({"id": ["ab", "", None], "n": pa.array([1, None, -3], pa.int16())}),
    pa.table({"id": ["ø"], "n": pa.array([4], pa.int16())}),
]
#: Two fields a row: the length of each, -1 for a missing one, and its bytes.
ROWS = (
    bytes.fromhex("0002 00000002 6162 00000002 0001")
    + bytes.fromhex("0002 00000000 ffffffff")
    + bytes.fromhex("0002 ffffffff 00000002 fffd")
    + bytes.fromhex("0002 00000002 c3b8 00000002 0004")
)
COLUMNS = {
    "word": (pa.string(), "text"),
    "flag": (pa.bool_(), "boolean"),
    "small": (pa.int16(), "smallint"),
    "whole": (pa.int32(), "integer"),
    "single": (pa.float32(), "real"),
    "twice": (pa.float64(), "double precision"),
    "smalls": (pa.list_(pa.int16()), "smallint[]"),
    "wholes": (pa.list_(pa.int32()), "integer[]"),
    "bigs": (pa.list_(pa.int64()), "bigint[]"),
    "singles": (pa.list_(pa.float32()), "real[]"),
}
VALUES = [
    ('a "quoted", tab\t and ø', True, -1, 2**31 - 1, 0.1, 1e-300, [1, -2], [3], [2**40], [0.5]),
    ("", False, 2**15 - 1, -(2**31), float("inf"), -0.25, [], [4, 5, 6], [-1, 0], [3.4e38]),
    (None, None, None, None, None, None, [7], [], [], [float("inf")]),
]


def test_rows_are_what_copy_expects():
    read = RowStream(iter(TABLES)).read()
    assert read == HEADER
    assert b"".join(bytes(encode(t.to_batches()[0])) for t in TABLES) == ROWS


def test_any_read_size_gives_the_same_bytes_and_digest():
    whole = HEADER + ROWS + TRAILER
    for size in (1, 7, 1000):
        stream, read = RowStream(iter(TABLES)), b""
        while chunk := stream.read(size):
            assert len(chunk) <= size
            read += chunk
        assert read == whole
        assert stream.digest.hexdigest() == xxh3_128_hexdigest(whole)


def test_a_stream_that_nobody_reads_on_is_gone_at_once():
    stream = RowStream(iter(TABLES))
    stream.read(1)
    gone = weakref.ref(stream)
    del stream
    assert gone() is None


@pytest.fixture
def cursor(postgres_url):
    connection = psycopg2.connect(postgres_url)
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.fixture
def table():
    columns = [
        pa.array([row[i] for row in VALUES], type) for i, (type, _) in enumerate(COLUMNS.values())
    ]
    return pa.table(columns, names=list(COLUMNS))


def test_what_differs_in_length_is_written_as_what_does_not(table):
    (batch,) = table.to_batches()
    (twice,) = pa.concat_tables([table.slice(2), table.slice(2)]).combine_chunks().to_batches()
    alone = [bytes(encode(batch.slice(row, 1))) for row in range(len(VALUES))]
    assert bytes(encode(batch)) == b"".join(alone)
    assert bytes(encode(twice)) == alone[2] * 2
    assert bytes(encode(batch.slice(1, 0))) == b""


@pytest.mark.postgres
def test_every_type_reads_back_as_it_was(cursor, table):
    described = ", ".join(f"{name} {type}" for name, (_, type) in COLUMNS.items())
    cursor.execute(f"CREATE TABLE things (n serial, {described})")
    # A slice knows where its values begin; a table may be in several chunks, one of them empty.
    parts = [table.slice(0, 1), table.slice(1), table.slice(3)]
    copied = copy_in(cursor, "things", COLUMNS, [pa.concat_tables(parts), table.slice(0, 1)])
    cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM things ORDER BY n")
    expected = [_as_single(row) for row in [*VALUES, VALUES[0]]]
    assert [_as_single(row) for row in cursor.fetchall()] == expected
    assert copied.rows == 4
    cursor.execute("SELECT count(*) FROM things WHERE cardinality(smalls) = 0")
    assert cursor.fetchone() == (1,)


def _as_single(row):
    """Return a row with the precision that a `real` has."""
    *start, single, twice, smalls, wholes, singles = row
    single = None if single is None else float(np.float32(single))
    return (*start, single, twice, smalls, wholes, [float(np.float32(x)) for x in singles])


@pytest.mark.postgres
def test_a_missing_list_is_an_empty_array(cursor):
    cursor.execute("CREATE TABLE things (wholes integer[])")
    lists = pa.table({"wholes": pa.array([[1, 2], None, [3]], pa.list_(pa.int32()))})
    assert copy_in(cursor, "things", ["wholes"], [lists.slice(1)]).rows == 2
    cursor.execute("SELECT wholes FROM things")
    assert cursor.fetchall() == [([],), ([3],)]


@pytest.mark.postgres
def test_what_goes_wrong_in_making_rows_keeps_its_kind_and_leaves_no_thread(cursor):
    def break_off():
        yield TABLES[0]
        raise ZeroDivisionError("no rows any more")

    cursor.execute("CREATE TABLE things (id text, n smallint)")
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="no rows any more"):
        copy_in(cursor, "things", ["id", "n"], break_off())
    assert threading.active_count() == threads
