"""Arrow tables as the CSV that COPY reads."""

import hashlib

import numpy as np
import pyarrow as pa

from recsys.serving.copying import CsvStream, array_texts, list_texts

TABLES = [
    pa.table({"id": ['a "quoted", text', "", None], "n": [1, None, 3]}),
    pa.table({"id": ["ø"], "n": [4]}),
]
CSV = '"a ""quoted"", text",1\n"",\n,3\n"ø",4\n'.encode()


def test_missing_and_empty_texts_differ():
    assert CsvStream(TABLES).read() + CsvStream(TABLES[1:]).read() == CSV


def test_any_read_size_gives_the_same_bytes_and_digest():
    for size in (1, 7, 1000):
        stream, read = CsvStream(iter(TABLES)), b""
        while chunk := stream.read(size):
            assert len(chunk) <= size
            read += chunk
        assert read == CSV
        assert stream.sha256.hexdigest() == hashlib.sha256(CSV).hexdigest()


def test_numbers_become_array_literals_without_loss():
    assert array_texts(np.array([[1, -2], [3, 4]], dtype=np.int32)).to_pylist() == [
        "{1,-2}",
        "{3,4}",
    ]
    scores = np.array([[0.1, 1e-30, 3.4e38]], dtype=np.float32)
    (text,) = array_texts(scores).to_pylist()
    read = np.array(text.strip("{}").split(","), dtype=np.float32)
    assert read.tolist() == scores[0].tolist()


def test_a_missing_list_is_an_empty_array():
    lists = pa.array([[1, 2], None, [], [3]], type=pa.list_(pa.int32()))
    assert list_texts(lists).to_pylist() == ["{1,2}", "{}", "{}", "{3}"]
    assert list_texts(lists.slice(1)).to_pylist() == ["{}", "{}", "{3}"]
