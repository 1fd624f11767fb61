"""Checksums, against the digests of md5sum and sha256sum, and Amazon's rule for parts."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys.mirror.checksum import DamagedError, Stated, etag_of_parts, even_parts, verify

#: Of b"hello".
MD5 = "5d41402abc4b2a76b9719d911017c592"
SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
MIB = 1 << 20


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello"
    path.write_bytes(b"hello")
    return path


def test_an_md5_or_a_sha256_that_fits_is_enough(hello):
    assert verify(hello, Stated(5, MD5))
    assert verify(hello, Stated(5, "0" * 32, sha256=SHA256))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (Stated(6, MD5), "expected 6 bytes, got 5"),
        (Stated(5, "0" * 32), f"expected md5 {'0' * 32}, got {MD5}"),
        (Stated(5, MD5, sha256="0" * 64), f"expected sha256 {'0' * 64}, got {SHA256}"),
    ],
    ids=["size", "md5", "sha256"],
)
def test_one_that_does_not_fit_is_told(hello, stated, message):
    with pytest.raises(DamagedError) as caught:
        verify(hello, stated)
    assert str(caught.value) == message


@pytest.mark.parametrize("etag", ["W-opaque", "", "1234-abcd"])
def test_an_etag_of_no_known_kind_says_nothing(hello, etag):
    assert not verify(hello, Stated(5, etag))


def test_an_etag_under_encryption_by_key_service_says_nothing(hello):
    answer = {"ETag": f'"{"0" * 32}"', "ServerSideEncryption": "aws:kms"}
    assert not verify(hello, Stated.of(answer, size=5))
    assert verify(hello, Stated.of(answer | {"ChecksumSHA256": base64_of(SHA256)}, size=5))
    customers = {"ETag": f'"{"0" * 32}"', "SSECustomerAlgorithm": "AES256"}
    assert not verify(hello, Stated.of(customers, size=5))


def test_a_checksum_of_checksums_is_not_taken_for_one_of_the_content():
    answer = {"ETag": f'"{MD5}-2"', "ChecksumSHA256": base64_of(SHA256) + "-2"}
    assert Stated.of(answer, size=5) == Stated(5, f"{MD5}-2", sha256=None)
    assert Stated.of(answer, size=5).parts == 2


def base64_of(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def etag(*parts: bytes) -> str:
    joined = b"".join(hashlib.md5(part).digest() for part in parts)
    return f"{hashlib.md5(joined).hexdigest()}-{len(parts)}"


def test_the_etag_of_parts(hello):
    assert etag_of_parts(hello, [2, 2, 1]) == etag(b"he", b"ll", b"o")
    assert etag_of_parts(hello, [5]) == etag(b"hello")
    assert even_parts(5, 2) == [2, 2, 1]
    assert even_parts(4, 2) == [2, 2]


def test_uneven_parts_are_asked_for_only_when_even_ones_do_not_fit(hello):
    asked: list[str] = []

    def sizes() -> Iterator[list[int]]:
        asked.append("even")
        yield [2, 2, 1]
        asked.append("each")
        yield [2, 1, 2]

    assert verify(hello, Stated(5, etag(b"he", b"ll", b"o")), sizes())
    assert asked == ["even"]
    assert verify(hello, Stated(5, etag(b"he", b"l", b"lo")), sizes())
    with pytest.raises(DamagedError, match=f"expected ETag {'0' * 32}-3, got"):
        verify(hello, Stated(5, "0" * 32 + "-3"), sizes())


def test_where_parts_are_not_told_the_usual_sizes_are_tried(tmp_path):
    path = tmp_path / "big"
    content = bytes(range(256)) * (4096 * 9)
    path.write_bytes(content)
    in_eights = etag(content[: 8 * MIB], content[8 * MIB :])
    in_sevens = etag(content[: 7 * MIB], content[7 * MIB :])
    assert verify(path, Stated(9 * MIB, in_eights))
    assert not verify(path, Stated(9 * MIB, in_sevens))
