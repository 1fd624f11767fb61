"""What a mirror brought: a file of lines in the target, one written as each object arrives."""

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from recsys.errors import ConfigError, RecsysError

#: What a mirror keeps for itself, below its target.
FOLDER = ".mirror"


@dataclass(frozen=True)
class Entry:
    """The object that a file was brought from, and the file as it was left."""

    etag: str
    size: int
    mtime_ns: int


class Index:
    """Entries by file name; several threads may add to it."""

    def __init__(self, entries: dict[str, Entry], file: TextIO) -> None:
        self._entries, self._file = entries, file
        self._lock = threading.Lock()

    def get(self, name: str) -> Entry | None:
        """Return a file's entry."""
        return self._entries.get(name)

    def names(self) -> list[str]:
        """Return the names of all files that were brought, sorted."""
        return sorted(self._entries)

    def add(self, name: str, entry: Entry) -> None:
        """Note a file, on disk too, so that a killed run goes on after it."""
        with self._lock:
            self._entries[name] = entry
            self._write(_line(name, entry))

    def remove(self, name: str) -> None:
        """Forget a file."""
        with self._lock:
            del self._entries[name]
            self._write(json.dumps({"removed": name}))

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()


@contextmanager
def open_index(target: Path, source: str) -> Iterator[Index]:
    """Yield the target's index, made where there is none, and let nobody else in meanwhile.

    Raises:
        ConfigError: the folder mirrors another address.
        RecsysError: another run mirrors into it now.
    """
    folder = target / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.jsonl"
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecsysError(f"another run mirrors into {target}: wait until it ends") from error
        earlier, entries = _read(path)
        if earlier not in (None, source):
            raise ConfigError(
                f"{target} mirrors {earlier}, not {source}: give another folder, or delete {folder}"
            )
        _rewrite(path, source, entries)
        with path.open("a", encoding="utf-8") as file:
            yield Index(entries, file)


def _read(path: Path) -> tuple[str | None, dict[str, Entry]]:
    """Return the source and the entries; a line that was cut off does not count."""
    source: str | None = None
    entries: dict[str, Entry] = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.split("\n"):
        try:
            match json.loads(line):
                case {"source": str(found)}:
                    source = found
                case {"removed": str(name)}:
                    entries.pop(name, None)
                case {"name": str(name), "etag": str(e), "size": int(s), "mtime_ns": int(m)}:
                    entries[name] = Entry(e, s, m)
        except ValueError:
            continue
    return source, entries


def _rewrite(path: Path, source: str, entries: dict[str, Entry]) -> None:
    lines = [json.dumps({"source": source}), *(_line(n, e) for n, e in sorted(entries.items()))]
    temporary = path.with_name("index.part")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def _line(name: str, entry: Entry) -> str:
    return json.dumps({"name": name, **asdict(entry)})
