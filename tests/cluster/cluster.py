"""A Spark standalone cluster on this machine: a master and two workers, each a process."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyspark

from recsys.java import ensure_java

SPARK_HOME = Path(pyspark.__file__).parent
WORKERS = 2
PATIENCE_S = 90


@contextmanager
def started_cluster(folder: Path) -> Iterator[str]:
    """Yield the address of a master that has two workers of one core and 1 GiB each."""
    port, ui_port = free_port(), free_port()
    master = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        flags = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(ui_port)]
        stack.enter_context(_process(folder, "master", "master.Master", *flags))
        _wait_for(ui_port, 0)
        for number in range(WORKERS):
            flags = ["--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0"]
            flags += ["--work-dir", str(folder / f"work-{number}"), master]
            stack.enter_context(_process(folder, f"worker-{number}", "worker.Worker", *flags))
        _wait_for(ui_port, WORKERS)
        yield master


@contextmanager
def _process(folder: Path, name: str, part: str, *flags: str) -> Iterator[None]:
    command = [SPARK_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{part}"]
    # What a user set for Spark elsewhere is not for these; as on other machines, no PYTHONPATH.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYTHON"))}
    env |= {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "512m",
        "JAVA_HOME": str(ensure_java(folder)),
    }
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen([*command, *flags], env=env, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(ui_port: int, workers: int) -> None:
    """Wait until the master has so many workers."""
    deadline = time.monotonic() + PATIENCE_S
    found = None
    while found != workers:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{found} workers of {workers} after {PATIENCE_S} s")
        time.sleep(0.5)
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{ui_port}/json/", timeout=5) as answer,
        ):
            found = json.load(answer)["aliveworkers"]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
