"""Whether a file holds what the store says of the object, by size and by checksum."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MIB = 1 << 20
#: Part sizes that uploaders choose, in MiB; tried where a store does not tell its own.
USUAL_PARTS_MIB = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512)


class DamagedError(Exception):
    """A file is not what the store says of it; the message names both."""


@dataclass(frozen=True)
class Stated:
    """What a store says of an object's content."""

    size: int
    #: Without quotes: the MD5 of the content, or of its parts' MD5s with `-<parts>` after it.
    etag: str
    #: Hexadecimal, of the whole content; None where the store has none.
    sha256: str | None = None
    #: False under encryption that gives the ETag another meaning.
    etag_is_md5: bool = True

    @classmethod
    def of(cls, response: Mapping[str, Any], *, size: int) -> "Stated":
        """Return what the answer to a GET or HEAD says of a whole object of `size` bytes."""
        sha256 = str(response.get("ChecksumSHA256") or "")
        is_whole = bool(sha256) and "-" not in sha256  # else it is a checksum of checksums
        encryption = str(response.get("ServerSideEncryption", ""))
        return cls(
            size=size,
            etag=str(response["ETag"]).strip('"'),
            sha256=base64.b64decode(sha256).hex() if is_whole else None,
            etag_is_md5=not encryption.startswith("aws:kms")
            and "SSECustomerAlgorithm" not in response,
        )

    @property
    def parts(self) -> int:
        """How many parts the object was uploaded in; 0 for one that was uploaded whole."""
        found = re.fullmatch(r"[0-9a-f]{32}-(\d{1,5})", self.etag)
        return int(found[1]) if found else 0


def verify(path: Path, stated: Stated, part_sizes: Iterable[Sequence[int]] = ()) -> bool:
    """Return whether a checksum says that the file is the object; False where only sizes can.

    Args:
        path: the whole file.
        stated: what the store says of the object.
        part_sizes: for an object of several parts, bytes of each, as the store tells them; the
            right list may be preceded by a guess. None at all where the store does not tell.

    Raises:
        DamagedError: the size or a checksum is another.
    """
    size = path.stat().st_size
    if size != stated.size:
        raise DamagedError(f"expected {stated.size} bytes, got {size}")
    if stated.sha256:
        _expect("sha256", stated.sha256, _digest(path, "sha256"))
        return True
    if not stated.etag_is_md5:
        return False
    if stated.parts:
        return _verify_parts(path, stated, part_sizes)
    if re.fullmatch(r"[0-9a-f]{32}", stated.etag):
        _expect("md5", stated.etag, _digest(path, "md5"))
        return True
    return False


def etag_of_parts(path: Path, part_sizes: Sequence[int]) -> str:
    """Return the ETag that S3 gives a file uploaded in parts of these sizes, in bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        for size in part_sizes:
            part = hashlib.md5(usedforsecurity=False)
            for block in _blocks(file, size):
                part.update(block)
            digest.update(part.digest())
    return f"{digest.hexdigest()}-{len(part_sizes)}"


def even_parts(size: int, part_size: int) -> list[int]:
    """Return the sizes of the parts when all but the last are of `part_size` bytes.

    >>> even_parts(11, 4)
    [4, 4, 3]
    """
    whole, rest = divmod(size, part_size)
    return [part_size] * whole + [rest] * (rest > 0)


def _verify_parts(path: Path, stated: Stated, part_sizes: Iterable[Sequence[int]]) -> bool:
    found = ""
    for sizes in part_sizes:
        found = etag_of_parts(path, sizes)
        if found == stated.etag:
            return True
    if found:
        raise DamagedError(f"expected ETag {stated.etag}, got {found}")
    guesses = [even_parts(stated.size, mib * MIB) for mib in USUAL_PARTS_MIB]
    guesses = [sizes for sizes in guesses if len(sizes) == stated.parts]
    return any(etag_of_parts(path, sizes) == stated.etag for sizes in guesses)


def _expect(name: str, expected: str, found: str) -> None:
    if found != expected:
        raise DamagedError(f"expected {name} {expected}, got {found}")


def _digest(path: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        for block in _blocks(file, path.stat().st_size):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (block := file.read(min(size, MIB))):
        size -= len(block)
        yield block
