"""Background services: started in a session of their own, found again by a mark, ended for sure.

Every process of a stack carries the stack's id in its environment, and its children inherit it. So
`stop` also finds the Java or Python of a task whose parents have crashed, and a process id that a
reboot gave to somebody else is never mistaken for ours. A service is known by when it started as
well: a program that gives itself a title (as Airflow's do) may hide its environment for a moment.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

MARK = "RECSYS_STACK"
SERVICE = "RECSYS_SERVICE"

#: The moment a process started is told by the machine's clock, which may be set while it runs.
CLOCK_DRIFT_S = 5.0


class Processes:
    """The processes of one stack.

    Args:
        folder: for a pid file a service.
        stack_id: the mark in their environment.
    """

    def __init__(self, folder: Path, stack_id: str) -> None:
        self.folder = folder
        self.stack_id = stack_id

    def start(
        self, service: str, command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path
    ) -> None:
        """Start a service unless it runs; it outlives this program and its terminal."""
        if self.pid(service) is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        marked = {**env, MARK: self.stack_id, SERVICE: service}
        with log.open("a") as output:
            child = subprocess.Popen(
                command, env=marked, cwd=cwd, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        born = psutil.Process(child.pid).create_time()
        (self.folder / f"{service}.pid").write_text(f"{child.pid} {born}\n")

    def pid(self, service: str) -> int | None:
        """Return the service's process id, or None where it does not run."""
        try:
            pid, born = (self.folder / f"{service}.pid").read_text().split()
            process = psutil.Process(int(pid))
            alive = process.status() != psutil.STATUS_ZOMBIE
            same = abs(process.create_time() - float(born)) < CLOCK_DRIFT_S
            return process.pid if alive and (same or self._is_marked(process)) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def stop(self, *, grace_s: float = 15.0) -> int:
        """End every process of this stack, and return how many there were.

        They are asked first; those that still run after `grace_s` seconds are killed.
        """
        found = self.all()
        for force in (signal.SIGTERM, signal.SIGKILL):
            waiting = self.all()
            for process in waiting:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(force)
            deadline = time.monotonic() + grace_s
            while self.all() and time.monotonic() < deadline:
                psutil.wait_procs(waiting, timeout=0.2)
        for file in self.folder.glob("*.pid"):
            file.unlink()
        return len(found)

    def all(self) -> list[psutil.Process]:
        """Return every living process that carries this stack's mark, and every service."""
        services = {self.pid(file.stem) for file in self.folder.glob("*.pid")}
        own = os.getpid()
        return [
            p
            for p in psutil.process_iter()
            if p.pid != own and (p.pid in services or self._is_marked(p))
        ]

    def memory_mb(self) -> float:
        """Return the memory that the stack's processes hold, shared pages counted once each."""
        return sum(_memory_bytes(p) for p in self.all()) / 1e6

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            is_living = process.status() != psutil.STATUS_ZOMBIE
            return is_living and bool(process.environ().get(MARK) == self.stack_id)
        except psutil.Error:
            return False


def _memory_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.rss))
