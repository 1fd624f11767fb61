import os
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.config import REPOSITORY
from stack import launch

LAUNCH = REPOSITORY / "include" / "stack" / "launch.py"


def start(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, LAUNCH, *words],
        capture_output=True, text=True, check=False, env=os.environ | variables,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "answer"),
    [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), True), ((3, 14), False)],
)
def test_knows_which_pythons_fit(version: tuple[int, int], answer: bool) -> None:
    assert launch.fits(version) is answer


def test_an_old_python_alone_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.main() == 3
    assert capsys.readouterr().err == (
        "Python 3.11, 3.12 or 3.13 is needed and only 3.9 was found: install one,"
        " or name it with `make PYTHON=/path/to/python3.12 ...`\n"
    )


def test_finds_a_python_that_runs_past_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, code in (("python3.13", 127), ("python3.12", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.find_python() == str(tmp_path / "python3.12")


def test_is_written_for_an_old_python() -> None:
    compile(LAUNCH.read_text(), str(LAUNCH), "exec", dont_inherit=True)
    import ast

    ast.parse(LAUNCH.read_text(), feature_version=(3, 6))


def test_bad_input_is_said_before_anything_is_installed() -> None:
    done = start("run", "--k", "1000")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "K must be a number from 1 to 100. Got 1000\n"
