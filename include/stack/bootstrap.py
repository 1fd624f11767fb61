"""The virtual environment: made once, refreshed when the locked requirements change.

Standard library only: it runs before anything is installed.
"""

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from recsys.errors import ConfigError, RecsysError
from stack.arguments import REPOSITORY, Arguments, parse, state_folder

RUNTIME = "requirements.txt"
#: Everything in RUNTIME, and the tools.
DEVELOPMENT = "requirements-dev.txt"

INSTALLED_GB = 4


def _installer_environment() -> dict[str, str]:
    """Return the environment of pip and uv: uv trusts whom this machine trusts, as pip does."""
    trusts = ssl.get_default_verify_paths().cafile is not None
    return ({"UV_SYSTEM_CERTS": "1"} if trusts else {}) | dict(os.environ)


def launch(argv: Sequence[str]) -> int:
    """Make the environment and run `python -m stack` in it; `install` stops after the first."""
    try:
        arguments = parse(argv)
        python = Environment(REPOSITORY, state_folder()).ensure(
            DEVELOPMENT if arguments.command == "install" and arguments.dev else RUNTIME
        )
    except RecsysError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename}\n")
        return 1
    if arguments.command == "install":
        return 0
    return _hand_over(python, argv, arguments)


def _hand_over(python: Path, argv: Sequence[str], arguments: Arguments) -> int:
    os.environ["PYTHONPATH"] = f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY / 'plugins'}"
    sys.stdout.flush()
    os.execv(python, [str(python), "-m", "stack", *argv])


class Environment:
    """The folder `.venv` of a checkout.

    Args:
        repository: where the requirements are.
        state: where the installers' logs go.
    """

    def __init__(self, repository: Path, state: Path) -> None:
        self.repository = repository
        self.folder = repository / ".venv"
        self.python = self.folder / "bin" / "python"
        self.log = state / "logs" / "install.log"

    def ensure(self, requirements: str) -> Path:
        """Return the environment's Python, after installing whatever is not there yet.

        Raises:
            ConfigError: a Python module, disk space or a package cannot be had.
        """
        if self._is_current(requirements):
            return self.python
        with self._alone():
            if not self._is_current(requirements):
                self._install(requirements)
        return self.python

    def _stamp(self, requirements: str) -> Path:
        return self.folder / f".installed-{requirements}"

    def _digest(self, requirements: str) -> str:
        # The path counts too: an environment that was copied elsewhere does not work.
        text = (self.repository / requirements).read_bytes() + str(self.folder).encode()
        return hashlib.sha256(text).hexdigest()

    def _is_current(self, requirements: str) -> bool:
        wanted = {RUNTIME, requirements}
        return self.python.exists() and all(
            (stamp := self._stamp(name)).is_file() and stamp.read_text() == self._digest(name)
            for name in wanted
        )

    def _install(self, requirements: str) -> None:
        require_disk(self.repository, gigabytes=INSTALLED_GB, purpose="to install packages")
        if not self.python.exists():
            self._make()
        # Tools that were installed before stay; both files pin the same versions.
        files = [RUNTIME, requirements] if requirements != RUNTIME else [RUNTIME]
        if self._stamp(DEVELOPMENT).is_file() and DEVELOPMENT not in files:
            files.append(DEVELOPMENT)
        if not (self.folder / "bin" / "uv").exists():
            self._step("Installing uv", [self.python, "-m", "pip", "install", "-q", "uv"])
        flags = [part for name in files for part in ("-r", str(self.repository / name))]
        uv = [str(self.folder / "bin" / "uv"), "pip", "install", "--python", str(self.python)]
        pip = [str(self.python), "-m", "pip", "install", "-q"]
        try:
            self._step("Installing packages (once; about 2.6 GB)", [*uv, *flags])
        except ConfigError:
            # pip knows of mirrors that uv was never told about.
            self._step("Installing packages with pip (minutes)", [*pip, *flags])
        for name in files:
            self._stamp(name).write_text(self._digest(name))

    def _make(self) -> None:
        missing = [name for name in ("venv", "ensurepip") if find_spec(name) is None]
        if missing:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise ConfigError(
                f"Python {version} lacks its module {' and '.join(missing)}: install it"
                f" (Debian and Ubuntu: apt-get install python{version}-venv)"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self._step("Making .venv", [sys.executable, "-m", "venv", self.folder])

    def _step(self, title: str, command: Sequence[str | Path]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with self.log.open("a") as log:
            child = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=_installer_environment(),
            )  # fmt: skip
            while child.poll() is None:
                _show(f"{title} ... {time.monotonic() - started:.0f} s", end="\r")
                time.sleep(0.2)
        if child.returncode:
            last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["no reason"]
            raise ConfigError(f"{title} failed: {last[0].strip()} (see {self.log})")
        _show(f"{title}: {time.monotonic() - started:.0f} s", end="\n")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with (self.log.parent / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def require_disk(folder: Path, *, gigabytes: float, purpose: str) -> None:
    """Raise ConfigError unless so much is free where `folder` is."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise ConfigError(
            f"{gigabytes:g} GB of free disk are needed {purpose}, and {folder} has {free:.1f} GB"
        )


def _show(text: str, *, end: str) -> None:
    if sys.stdout.isatty() or end == "\n":
        sys.stdout.write(f"\r{text:<60}{end}" if sys.stdout.isatty() else f"{text}{end}")
        sys.stdout.flush()
