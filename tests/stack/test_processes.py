import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.processes import Processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

#: A service whose child leaves its session and ignores SIGTERM, as a task's program may.
STUBBORN = """
import subprocess, sys, time
child = '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
'''
command = [sys.executable, "-c", child]
started = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
started.stdout.readline()
print(started.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "run", f"test-{tmp_path}")
    yield processes
    processes.stop(grace_s=1)


def start(processes: Processes, service: str, command: list[str], tmp_path: Path) -> int:
    log = tmp_path / f"{service}.log"
    processes.start(service, command, env=os.environ, log=log, cwd=tmp_path)
    pid = processes.pid(service)
    assert pid is not None
    return pid


def test_a_service_runs_in_a_session_of_its_own_until_it_is_stopped(
    processes: Processes, tmp_path: Path
) -> None:
    pid = start(processes, "sleeper", SLEEP, tmp_path)
    assert os.getsid(pid) == pid
    assert processes.stop() == 1
    assert processes.pid("sleeper") is None
    assert processes.all() == []


def test_starting_twice_leaves_one(processes: Processes, tmp_path: Path) -> None:
    pid = start(processes, "sleeper", SLEEP, tmp_path)
    assert start(processes, "sleeper", SLEEP, tmp_path) == pid
    assert [p.pid for p in processes.all()] == [pid]


def test_a_service_is_known_though_its_environment_cannot_be_read(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start(processes, "sleeper", SLEEP, tmp_path)
    monkeypatch.setattr(psutil.Process, "environ", lambda process: {})
    assert processes.pid("sleeper") == pid
    assert processes.stop() == 1
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_a_service_that_ended_does_not_run(processes: Processes, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('done')"]
    log = tmp_path / "short.log"
    processes.start("short", command, env=os.environ, log=log, cwd=tmp_path)
    psutil.wait_procs(processes.all(), timeout=10)
    assert processes.pid("short") is None
    assert log.read_text() == "done\n"


def test_stops_children_that_hide_and_refuse_even_without_a_pid_file(
    processes: Processes, tmp_path: Path
) -> None:
    parent = start(processes, "stubborn", [sys.executable, "-c", STUBBORN], tmp_path)
    log = tmp_path / "stubborn.log"
    while not log.read_text().endswith("\n"):
        assert processes.pid("stubborn") == parent
    child = int(log.read_text())
    assert os.getsid(child) == child
    (processes.folder / "stubborn.pid").unlink()
    assert processes.stop(grace_s=1) == 2
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


def test_never_mistakes_another_program_for_ours(processes: Processes) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        processes.folder.mkdir(parents=True)
        earlier = psutil.Process(stranger.pid).create_time() - 60
        (processes.folder / "scheduler.pid").write_text(f"{stranger.pid} {earlier}\n")
        assert processes.pid("scheduler") is None
        assert processes.stop() == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_stacks_do_not_see_each_other(processes: Processes, tmp_path: Path) -> None:
    start(processes, "sleeper", SLEEP, tmp_path)
    other = Processes(tmp_path / "other", "another-stack")
    assert other.stop() == 0
    assert processes.pid("sleeper") is not None
