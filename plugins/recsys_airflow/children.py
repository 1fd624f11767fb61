"""Jobs as child processes, each with a process group of its own.

TensorFlow and Spark never run inside the task's forked process, where they can hang; and a child's
whole group can be killed, so that no Java or worker process outlives its task. The group stays in
Airflow's session, so that whoever stops Airflow by session stops the children too.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recsys.config import REPOSITORY

#: A killed job has so long to clean up before it is killed the hard way.
GRACE_S = 10.0
TAIL_LINES = 50


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code (negative for a signal) and the end of its output."""

    exit_code: int
    lines: tuple[str, ...]


def job_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a job: the task's, the library, this Python, and `extra`."""
    paths = [str(REPOSITORY / "include"), *filter(None, [os.environ.get("PYTHONPATH")])]
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - a link, not its target
    own = {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)]),
    }
    return {**os.environ, **own, **(extra or {})}


def start(argv: Sequence[str], *, extra: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a child in the repository's folder; both its outputs arrive in one pipe."""
    return subprocess.Popen(
        argv,
        cwd=REPOSITORY,
        env=job_environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )


def follow(child: subprocess.Popen[str], log: Callable[[str], None]) -> Ended:
    """Pass each line on as it comes, and return how the child ended.

    What it left running is killed: such a process would hold the pipe open, and the task with it.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    threading.Thread(target=_kill_leftovers, args=(child,), daemon=True).start()
    assert child.stdout is not None
    for line in child.stdout:
        tail.append(line.rstrip())
        log(tail[-1])
    return Ended(child.wait(), tuple(tail))


def _kill_leftovers(child: "subprocess.Popen[str]") -> None:
    child.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def kill_group(child: "subprocess.Popen[str] | None", *, grace_s: float = GRACE_S) -> None:
    """End a child and everything it started: SIGTERM, and SIGKILL after the grace period."""
    if child is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=grace_s)
