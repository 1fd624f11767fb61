"""Run a command and measure it: seconds, and the peak memory of its whole process tree."""

import json
import os
import platform
import subprocess
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
REPOSITORY = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.5
GIB = 1 << 30


@dataclass(frozen=True)
class Measured:
    """A command's wall time in seconds and its peak memory in bytes."""

    seconds: float
    peak_bytes: int


def measure(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Memory is the proportional set size (PSS) of the process and all that descend from it, summed
    every half second: shared pages count once.

    Raises:
        RuntimeError: the command failed; the message holds the end of what it printed.
    """
    started = time.monotonic()
    child = subprocess.Popen(
        argv, cwd=REPOSITORY, env={**os.environ, **(env or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    peak = _Peak(child.pid)
    peak.start()
    output, _ = child.communicate()
    seconds = time.monotonic() - started
    peak.stop.set()
    peak.join()
    if child.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {child.returncode}:\n{output[-3000:]}")
    return Measured(round(seconds, 2), peak.bytes)


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Return the interpreter of an environment with packages in it; makes it where missing."""
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists() or done.read_text() != "\n".join(packages):
        venv.create(folder, clear=True, with_pip=True)
        measure([str(python), "-m", "pip", "install", "--quiet", *packages])
        done.write_text("\n".join(packages))
    return python


def write_result(name: str, result: Mapping[str, Any], *, command: str) -> Path:
    """Write `results/<name>.json`: the result, with command, date, commit and machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    ).stdout.strip()
    context = {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**result, **context}, indent=2) + "\n", encoding="utf-8")
    return path


class _Peak(threading.Thread):
    """Keeps the highest memory of a process tree that it has seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.bytes, self.stop = pid, 0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(SAMPLE_SECONDS):
            try:
                root = psutil.Process(self.pid)
                tree = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.bytes = max(self.bytes, sum(map(_pss, tree)))


def _pss(process: psutil.Process) -> int:
    """Return a process's memory; 0 for one that ended while it was asked."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0
