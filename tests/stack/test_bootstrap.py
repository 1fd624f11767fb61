import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from stack import bootstrap
from stack.bootstrap import DEVELOPMENT, RUNTIME, Environment, require_disk

Usage = namedtuple("Usage", "total used free")


class Recorder(Environment):
    """An environment that notes its steps instead of taking them."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository, repository / "state")
        self.steps: list[str] = []

    def _step(self, title: str, command: object) -> None:
        self.steps.append(title.partition(" (")[0])
        if title == "Making .venv":
            self.python.parent.mkdir(parents=True)
            self.python.touch()
        if title == "Installing uv":
            (self.folder / "bin" / "uv").touch()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    # Nothing is installed, so that a disk that is nearly full does no harm.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9e9, 4e9, 5e9))
    for name in (RUNTIME, DEVELOPMENT):
        (tmp_path / name).write_text("package==1\n")
    return Recorder(tmp_path)


def test_installs_once(environment: Recorder) -> None:
    assert environment.ensure(RUNTIME) == environment.folder / "bin" / "python"
    assert environment.steps == ["Making .venv", "Installing uv", "Installing packages"]
    environment.ensure(RUNTIME)
    assert len(environment.steps) == 3


def test_changed_requirements_are_installed_into_the_same_environment(
    environment: Recorder,
) -> None:
    environment.ensure(RUNTIME)
    (environment.repository / RUNTIME).write_text("package==2\n")
    environment.ensure(RUNTIME)
    assert environment.steps[3:] == ["Installing packages"]


def test_the_tools_come_on_top_and_stay(environment: Recorder) -> None:
    environment.ensure(RUNTIME)
    environment.ensure(DEVELOPMENT)
    assert environment.steps[3:] == ["Installing packages"]
    environment.ensure(RUNTIME)
    environment.ensure(DEVELOPMENT)
    assert len(environment.steps) == 4


def test_pip_is_tried_where_uv_fails(
    environment: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = environment._step

    def step(title: str, command: list[object]) -> None:
        take(title, command)
        if str(command[0]).endswith("/uv"):
            raise ConfigError("no mirror")

    monkeypatch.setattr(environment, "_step", step)
    environment.ensure(RUNTIME)
    assert environment.steps[2:] == ["Installing packages", "Installing packages with pip"]
    environment.ensure(RUNTIME)
    assert len(environment.steps) == 4


def test_a_python_without_venv_is_one_sentence(
    environment: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None if name == "ensurepip" else 1)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(ConfigError) as error:
        environment.ensure(RUNTIME)
    assert str(error.value) == (
        f"Python {version} lacks its module ensurepip: install it"
        f" (Debian and Ubuntu: apt-get install python{version}-venv)"
    )


def test_a_failed_step_says_its_last_line_and_where_the_log_is(tmp_path: Path) -> None:
    environment = Environment(tmp_path, tmp_path / "state")
    with pytest.raises(ConfigError, match=r"^Trying failed: no luck \(see .*install\.log\)$"):
        environment._step("Trying", ["sh", "-c", "echo first; echo no luck; exit 1"])


def test_too_little_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9e9, 8e9, 1.25e9))
    with pytest.raises(ConfigError) as error:
        require_disk(tmp_path, gigabytes=4, purpose="to install packages")
    assert str(error.value) == (
        f"4 GB of free disk are needed to install packages, and {tmp_path} has 1.2 GB"
    )
