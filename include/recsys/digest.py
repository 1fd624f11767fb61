"""Digests: of files, of plain values and of the code that makes data."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import fsspec


def sha256_of_file(path: str | Path) -> str:
    """Return the hexadecimal sha256 of a local file or of an address."""
    # Never by a remembered listing: another process may have written since.
    with fsspec.open(str(path), "rb", use_listings_cache=False) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_json(value: object) -> str:
    """Return the sha256 of a value's canonical JSON, the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of_code(folder: Path, patterns: Iterable[str] = ("*.py", "*.sql", "*.jinja")) -> str:
    """Return the sha256 of the source files below a folder, names and contents."""
    digest = hashlib.sha256()
    for path in sorted(p for pattern in patterns for p in folder.rglob(pattern)):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
