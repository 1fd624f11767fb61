"""The stack as a whole: up, down, its state, its addresses."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError
from stack import database, ports
from stack.api import StackError, TaskState
from stack.arguments import state_folder
from stack.credentials import Credentials, load_credentials
from stack.postgres import Postgres
from stack.services import HEALTH, SERVICES, Airflow, Say


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True)
class Status:
    """What runs: service names to process ids (None: stopped), and Airflow's own word."""

    services: Mapping[str, int | None]
    health: Mapping[str, str]

    @property
    def is_up(self) -> bool:
        """Whether everything runs and says that it is well."""
        return all(self.services.values()) and all(
            self.health.get(part) == "healthy" for part in HEALTH
        )

    @property
    def is_down(self) -> bool:
        """Whether nothing runs."""
        return not any(self.services.values())


class Stack:
    """One embedded stack; everything it keeps is below `state`.

    Args:
        state: made if missing; deleting it (with the stack down) starts from nothing.
        database_url: an own serving database instead of the embedded one; its user owns the
            objects, publishes and reads.
        metadata_url: an own database for Airflow instead of the embedded one.
        ui_port: of Airflow's API server and UI; by default a free one, chosen once.
        postgres_port: of the embedded server; by default a free one, chosen once.
    """

    def __init__(
        self,
        state: Path,
        *,
        database_url: str | None = None,
        metadata_url: str | None = None,
        ui_port: int | None = None,
        postgres_port: int | None = None,
    ) -> None:
        self.state = state.expanduser().resolve()
        self.postgres = Postgres(self.state / "postgres", port=postgres_port)
        self._database_url = database_url
        self._metadata_url = metadata_url
        self._ui_port = ui_port

    @classmethod
    def from_environment(cls) -> "Stack":
        """Return this checkout's stack, as RECSYS_* variables describe it.

        Raises:
            ConfigError: a port is not a number.
        """
        return cls(
            state_folder(),
            database_url=os.environ.get("RECSYS_DATABASE_URL") or None,
            metadata_url=os.environ.get("RECSYS_AIRFLOW_DATABASE_URL") or None,
            ui_port=_port("RECSYS_UI_PORT"),
            postgres_port=_port("RECSYS_POSTGRES_PORT"),
        )

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded Postgres is needed for anything."""
        return self._database_url is None or self._metadata_url is None

    @cached_property
    def credentials(self) -> Credentials:
        """The stack's passwords and keys, generated when first asked for."""
        self.state.mkdir(parents=True, exist_ok=True)
        return load_credentials(self.secrets_file)

    @property
    def secrets_file(self) -> Path:
        """Where the passwords and keys are."""
        return self.state / "secrets.json"

    @cached_property
    def airflow(self) -> Airflow:
        """Airflow's services."""
        return Airflow(self.state, self.credentials, port=self._ui_port)

    @property
    def reader_url(self) -> str:
        """The serving database for those who only read."""
        reader = f"recs_reader:{self.credentials.recs_reader_password}"
        return self._database_url or self._embedded_url(reader, database.RECS)

    @property
    def loader_url(self) -> str:
        """The serving database for the publisher."""
        loader = f"recs_loader:{self.credentials.recs_loader_password}"
        return self._database_url or self._embedded_url(loader, database.RECS)

    def up(self, say: Say = _silent, *, timeout_s: float = 180) -> None:
        """Start whatever does not run, and return when all of it is healthy.

        Args:
            say: is told what happens, a few words at a time.
            timeout_s: how long Airflow may take to become healthy.

        Raises:
            ConfigError: a port is taken, a database refuses, no Java.
            StackError: a service stopped, or is not healthy in time.
        """
        with self._alone():
            self._start_databases(say)
            if self.status().is_up:
                return
            airflow_user = f"airflow:{self.credentials.airflow_password}"
            self.airflow.start(
                metadata_url=self._metadata_url
                or self._embedded_url(airflow_user, database.AIRFLOW),
                loader_url=self.loader_url,
                reader_url=self.reader_url,
                say=say,
                timeout_s=timeout_s,
            )

    def down(self) -> None:
        """Stop everything, also what a crash left behind; data are kept.

        Raises:
            StackError: a process could not be ended.
        """
        if not self.secrets_file.is_file():
            return
        with self._alone():
            self.airflow.processes.stop()
            self.postgres.stop()
            left = [str(process.pid) for process in self.airflow.processes.all()]
        if left:
            raise StackError(f"processes {', '.join(left)} of the stack could not be ended")

    def status(self) -> Status:
        """Return what runs now."""
        embedded = {"postgres": self.postgres.pid} if self.is_embedded else {}
        if not self.secrets_file.is_file():
            return Status(embedded | dict.fromkeys(SERVICES, None), {})
        return Status(embedded | self.airflow.pids(), self.airflow.health())

    def require_up(self) -> None:
        """Raise ConfigError with what to do unless the stack is up."""
        if not self.status().is_up:
            raise ConfigError("the stack is not up: `make up` starts it, `make status` says more")

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run of a DAG and return its run id; see `Airflow.trigger`."""
        return self.airflow.trigger(dag_id, conf)

    def wait(
        self,
        dag_id: str,
        run_id: str,
        on_change: Callable[[list[TaskState]], None] = lambda _: None,
        *,
        timeout_s: float | None = None,
    ) -> str:
        """Follow a run to its end, and return success or failed; see `Airflow.wait`."""
        return self.airflow.wait(dag_id, run_id, on_change, timeout_s=timeout_s)

    def _embedded_url(self, login: str, name: str) -> str:
        return f"postgresql://{login}@{ports.HOST}:{self.postgres.port}/{name}"

    def _start_databases(self, say: Say) -> None:
        if self.is_embedded:
            if not self.postgres.is_running:
                say("starting Postgres")
            self.postgres.start()
            c = self.credentials
            database.create_databases(
                self.postgres.url(),
                {
                    "airflow": c.airflow_password,
                    "recs_owner": c.recs_owner_password,
                    "recs_loader": c.recs_loader_password,
                    "recs_reader": c.recs_reader_password,
                },
            )
        database.migrate_recs(self._database_url or self.postgres.url(database.RECS))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the stack's lock: two `make up` at once start one stack."""
        self.state.mkdir(parents=True, exist_ok=True)
        if not os.access(self.state, os.W_OK | os.X_OK):
            raise ConfigError(f"{self.state} cannot be written: it belongs to {self.state.owner()}")
        with (self.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _port(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise ConfigError(f"{variable} must be a port number from 1 to 65535. Got {text}")
    return int(text) if text else None
