"""What the Makefile calls: finds a Python that fits, and goes on in it.

Runs before anything is installed, on whatever Python 3 there is: old syntax and the standard
library only.
"""

import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
HERE = os.path.abspath(__file__)  # noqa: PTH100
SOURCE = os.path.dirname(os.path.dirname(HERE))  # noqa: PTH120


def fits(version: "tuple[int, ...]") -> bool:
    """Whether the packages of requirements.txt exist for this version of Python."""
    return OLDEST <= version[:2] <= NEWEST


def find_python() -> "str | None":
    """Return a Python on the path that fits, or None; a name may be there and not run."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = shutil.which(f"python3.{minor}")
        if python and _runs(python):
            return python
    return None


def _runs(python: str) -> bool:
    probe = [python, "-c", "import venv, ensurepip"]
    silence = subprocess.DEVNULL
    return subprocess.call(probe, stdout=silence, stderr=silence) == 0


def main() -> int:
    """Run the command with a Python that fits; 3 and one sentence where there is none."""
    if fits(sys.version_info[:2]):
        sys.path[0] = SOURCE
        from stack.bootstrap import launch

        return launch(sys.argv[1:])
    python = find_python()
    if python is None:
        found = ".".join(str(part) for part in sys.version_info[:2])
        sys.stderr.write(
            f"Python 3.11, 3.12 or 3.13 is needed and only {found} was found: install one,"
            " or name it with `make PYTHON=/path/to/python3.12 ...`\n"
        )
        return 3
    return subprocess.call([python, HERE, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
