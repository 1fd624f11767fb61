"""Digests of raw files, remembered in the lake: two years of purchases are not read every night."""

import json
import time
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from recsys.digest import sha256_of_file, sha256_of_json
from recsys.storage import Lake
from recsys.store import open_store

#: A file changed twice within the clock's step can keep its times: none so young is remembered.
SETTLED_S = 2.0


def remembered_sha256(lake: Lake, file: str | Path, *, again: bool = False) -> str:
    """Return the sha256 of a raw file, which is read only if it may have changed.

    It may not where size, inode and both of its times are as they were, or, in a store, its ETag.

    Args:
        lake: where digests are remembered.
        file: a path or an address.
        again: read it in any case.
    """
    stamp = _stamp(str(file))
    place = f"digests/{sha256_of_json(str(file))[:32]}.json"
    if stamp is not None and not again:
        known = lake.read_text(place)
        if known is not None and (found := json.loads(known))["stamp"] == stamp:
            return str(found["sha256"])
    digest = sha256_of_file(file)
    if stamp is not None and stamp == _stamp(str(file)):  # and not while it was read
        entry = {"file": str(file), "stamp": stamp, "sha256": digest}
        lake.write_text(place, json.dumps(entry))
    return digest


def _stamp(file: str) -> list[Any] | None:
    """Return what changes when a file does; None where nothing is sure to."""
    fs, path = open_store(file)
    if not isinstance(fs, LocalFileSystem):
        info = fs.info(path)
        return [info["size"], info["ETag"]] if "ETag" in info else None
    stat = Path(path).stat()
    settled = time.time() - max(stat.st_mtime, stat.st_ctime) > SETTLED_S
    times = [stat.st_mtime_ns, stat.st_ctime_ns]
    return [stat.st_size, stat.st_ino, *times] if settled else None
