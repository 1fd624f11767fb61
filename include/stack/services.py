"""Airflow's four services: prepared, started, watched, and asked to run a DAG."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recsys.config import REPOSITORY
from stack import ports
from stack.api import ENDED, AirflowApi, StackError, TaskState
from stack.credentials import Credentials, write_private
from stack.environment import ADMIN, build_environment, passwords_file
from stack.processes import Processes

#: In the order they are started.
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")

#: What the health page calls them.
HEALTH = ("metadatabase", "scheduler", "dag_processor", "triggerer")

#: Name -> slots and description, as Airflow's own `pools import` reads them.
POOLS = REPOSITORY / "conf" / "pools.json"

#: So many questions in a row may stay without an answer while a run is followed.
MAX_MISSES = 5

Say = Callable[[str], None]


class Airflow:
    """The services of one stack.

    Args:
        state: the stack's folder.
        credentials: its passwords and keys.
        port: of the API server and UI; by default a free one, chosen once.
    """

    def __init__(self, state: Path, credentials: Credentials, *, port: int | None = None) -> None:
        self.state = state
        self.home = state / "airflow"
        self.logs = state / "logs"
        self.credentials = credentials
        self.processes = Processes(state / "run", credentials.stack_id)
        self._wanted_port = port

    @property
    def url(self) -> str:
        """The address of the UI, as of the last start."""
        return f"http://{ports.HOST}:{int(self._port_file.read_text())}"

    @cached_property
    def api(self) -> AirflowApi:
        """The REST API, as the administrator."""
        return AirflowApi(self.url, ADMIN, self.credentials.admin_password)

    def pids(self) -> dict[str, int | None]:
        """Return each service's process id; None: it does not run."""
        return {service: self.processes.pid(service) for service in SERVICES}

    def health(self) -> dict[str, str]:
        """Return what Airflow says of its components; {} where nobody answers."""
        return self.api.health() if self.processes.pid("api-server") else {}

    def start(
        self, *, metadata_url: str, loader_url: str, reader_url: str, say: Say, timeout_s: float
    ) -> None:
        """Start the services that do not run, and return when all are healthy.

        Args:
            metadata_url: Airflow's own database.
            loader_url: the serving database, for publishing.
            reader_url: the same, for reading.
            say: is told what happens, a few words at a time.
            timeout_s: how long they may take to become healthy.

        Raises:
            ConfigError: the wanted port is taken, or no Java.
            StackError: a service stopped, or is not healthy in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        users = f'{{"{ADMIN}": "{self.credentials.admin_password}"}}\n'
        write_private(passwords_file(self.state), users)
        env = build_environment(
            self.state,
            self.credentials,
            ui_port=self._choose_port(),
            metadata_url=metadata_url,
            loader_url=loader_url,
            reader_url=reader_url,
        )
        self._migrate(env, metadata_url, say)
        for service in SERVICES:
            log = self.logs / f"{service}.log"
            self.processes.start(service, _command(service), env=env, log=log, cwd=REPOSITORY)
        self._await_health(say, timeout_s)
        for name, pool in json.loads(POOLS.read_text()).items():
            self.api.ensure_pool(name, pool["slots"], pool["description"])

    def require_running(self) -> None:
        """Raise StackError, with where to look, if a service stopped by itself."""
        for service, pid in self.pids().items():
            if pid is None:
                log = self.logs / f"{service}.log"
                raise StackError(f"Airflow's {service} stopped by itself: see {log}")

    def trigger(self, dag_id: str, conf: dict[str, Any], *, timeout_s: float = 60) -> str:
        """Start a run of a DAG, as soon as the DAG processor has read it; return its run id.

        Raises:
            StackError: it is not read in time; with the reason where there is one.
        """
        deadline = time.monotonic() + timeout_s
        while not self.api.knows(dag_id):
            errors = self.api.import_errors()
            if errors or time.monotonic() > deadline:
                why = "; ".join(errors) or f"nothing after {timeout_s:.0f} s"
                raise StackError(f"Airflow cannot read the DAG {dag_id}: {why}")
            time.sleep(1)
        self.api.unpause(dag_id)
        return self.api.trigger(dag_id, conf)

    def wait(
        self,
        dag_id: str,
        run_id: str,
        on_change: Callable[[list[TaskState]], None] = lambda _: None,
        *,
        timeout_s: float | None = None,
        every_s: float = 1.0,
    ) -> str:
        """Follow a run to its end, and return success or failed.

        Args:
            dag_id: the run's DAG.
            run_id: what `trigger` returned.
            on_change: is given the tasks, each after those it waits for, every `every_s` seconds.
            timeout_s: None waits for as long as it takes.
            every_s: seconds between two looks.

        Raises:
            StackError: a service stopped, or the time is over.
        """
        deadline = time.monotonic() + timeout_s if timeout_s else None
        misses = 0
        while True:
            try:
                state = self.api.run_state(dag_id, run_id)
                on_change(self.api.tasks(dag_id, run_id))
                misses = 0
            except StackError:
                # A busy machine may leave a question without an answer now and then.
                misses += 1
                state = "silent"
                if misses == MAX_MISSES:
                    raise
            if state in ENDED:
                return state
            self.require_running()
            if deadline and time.monotonic() > deadline:
                raise StackError(f"{dag_id} is still {state} after {timeout_s:.0f} s")
            time.sleep(every_s)

    @property
    def _port_file(self) -> Path:
        return self.home / "port"

    def _choose_port(self) -> int:
        if self.processes.pid("api-server"):
            return int(self._port_file.read_text())
        # Services that are left would go on talking to the port of before.
        self.processes.stop()
        self.__dict__.pop("api", None)
        return ports.remembered(
            self._port_file, wanted=self._wanted_port, variable="RECSYS_UI_PORT"
        )

    def _migrate(self, env: dict[str, str], metadata_url: str, say: Say) -> None:
        """Bring Airflow's database to its version; a stamp saves the seconds of asking."""
        stamp = self.home / "migrated"
        wanted = f"{version('apache-airflow')} {metadata_url}"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        say("preparing Airflow's database")
        log = self.logs / "migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as output:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                check=False, cwd=REPOSITORY,
            )  # fmt: skip
        if done.returncode:
            raise StackError(f"Airflow's database could not be prepared; see {log}")
        write_private(stamp, wanted)

    def _await_health(self, say: Say, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while waiting := [p for p in HEALTH if self.health().get(p) != "healthy"]:
            self.require_running()
            if time.monotonic() > deadline:
                raise StackError(
                    f"Airflow is not healthy after {timeout_s:.0f} s: no word from"
                    f" {', '.join(waiting)}; see {self.logs}"
                )
            say("waiting for Airflow")
            time.sleep(0.5)


def _command(service: str) -> list[str]:
    # Task logs are read from the same disk; a log server would listen on every network.
    quiet = ["--skip-serve-logs"] if service in ("scheduler", "triggerer") else []
    return [sys.executable, "-m", "airflow", service, *quiet]
