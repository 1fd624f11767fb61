"""Jobs as processes of their own that can be killed whole, and a reader that never stops."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from recsys.config import REPOSITORY
from recsys.manifest import Manifest
from recsys.paths import WRITTEN_BY, Partition
from recsys.storage import Lake

#: A Java that lives for seconds is quicker without its optimising compiler.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass
class JobProcess:
    """One run of a job's file, as Airflow starts it, in a session of its own."""

    argv: list[str]
    temporary: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        name, *flags = self.argv
        environment = {
            **os.environ,
            "PYTHONPATH": "include",
            "TMPDIR": str(self.temporary),
            "JAVA_TOOL_OPTIONS": JAVA_OPTIONS,
        }
        self.process = subprocess.Popen(
            [sys.executable, f"jobs/{name}.py", *flags],
            cwd=REPOSITORY, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self) -> None:
        """Wait for the end of a run that must succeed."""
        _, errors = self.process.communicate()
        assert self.process.returncode == 0, errors.decode()

    def kill_after(self, seconds: float) -> bool:
        """Kill driver, JVM and Python workers at a moment; whether the run was still on."""
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=seconds)
        is_on = self.process.poll() is None
        # Spark's Python workers have a process group of their own in the same session.
        while groups := _living_groups(self.process.pid):
            for group in groups if is_on else ():
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.02)
        self.process.communicate()
        return is_on


def _living_groups(session: int) -> set[int]:
    """Return the process groups of a session that have a living process."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.add(os.getpgid(process.pid))
    return found


@dataclass
class Reader:
    """Reads whatever a lake shows, and notes what it promises and does not hold."""

    lake: Lake = field(repr=False)
    read: int = 0
    #: Partitions that were replaced while they were read, which says nothing of either.
    overtaken: int = 0
    faults: list[str] = field(default_factory=list)

    def read_all(self) -> None:
        """Hold the rows of each partition's files against its manifest."""
        for dataset in WRITTEN_BY:
            for key in self.lake.keys(dataset):
                self._read(Partition(dataset, key))

    def _read(self, partition: Partition) -> None:
        before = self._manifests(partition)
        if before[0] is None:
            return
        try:
            files = self.lake.files(partition)
            rows = sum(pq.read_metadata(file).num_rows for file in files)
            fault = None if rows == before[0].rows else f"{rows} rows, not {before[0].rows}"
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        if self._manifests(partition) != before:
            self.overtaken += 1
        elif fault:
            self.faults.append(f"{partition}: {fault}")
        else:
            self.read += 1

    def _manifests(self, partition: Partition) -> list[Manifest | None]:
        """Return a partition's manifest and those of what it shows."""
        manifest = self.lake.manifest(partition)
        parts = manifest.parts if manifest else ()
        sources = sorted({(part.dataset, part.partition) for part in parts})
        return [manifest, *(self.lake.manifest(Partition(*source)) for source in sources)]


@contextmanager
def reading(lake: Lake) -> Iterator[Reader]:
    """Read a lake all the time, beside the block."""
    reader, stop = Reader(lake), threading.Event()

    def read() -> None:
        try:
            while not stop.wait(0.05):
                reader.read_all()
        except Exception as error:
            reader.faults.append(f"the reader failed: {error!r}")

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join()
        reader.read_all()


def leftovers(root: Path) -> list[str]:
    """Return the folders of a lake that no manifest names, and the files that were half-written."""
    lake = Lake(str(root))
    partitions = [Partition(name, key) for name in WRITTEN_BY for key in lake.keys(name)]
    named = {f"{p.folder}/{lake.require(p).attempt}" for p in partitions}
    attempts = {str(path.relative_to(root)) for path in root.rglob("attempt-*")}
    half = [str(path.relative_to(root)) for path in root.rglob("_manifest.json.*")]
    scratch = [str(p.relative_to(root)) for p in root.glob("scratch/**/*") if p.is_file()]
    return sorted(attempts - named) + half + scratch
