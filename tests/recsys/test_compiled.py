"""What Numba keeps between processes."""

import subprocess
import sys
from pathlib import Path

CALLS = """
from inner import inner
from recsys.compiled import compiled
@compiled
def outer():
    return inner()
"""
TYPED = """
from typing import NamedTuple
from recsys.compiled import compiled
class {0}(NamedTuple):
    one: int
    other: int
@compiled
def first(pair):
    return pair.one
def outer():
    return first({0}(1, 2))
outer.stats = first.stats
"""
CALLED = "import numba\n@numba.njit\ndef inner():\n    return {}\n"


def test_a_change_of_a_file_that_functions_are_taken_from_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(CALLS)
    (tmp_path / "inner.py").write_text(CALLED.format(1))
    assert [_value_and_hits(tmp_path) for _ in range(2)] == ["1 0", "1 1"]
    (tmp_path / "inner.py").write_text(CALLED.format(22))
    assert _value_and_hits(tmp_path) == "22 0"


def test_a_type_that_is_no_more_is_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(TYPED.format("Pair"))
    assert [_value_and_hits(tmp_path) for _ in range(2)] == ["1 0", "1 1"]
    (tmp_path / "outer.py").write_text(TYPED.format("OtherPair"))
    assert _value_and_hits(tmp_path) == "1 0"


def _value_and_hits(folder: Path) -> str:
    """Return what `outer` returns in a new process, and how often it was there already."""
    code = "from outer import outer; print(outer(), sum(outer.stats.cache_hits.values()))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"include:{folder}"},
    )
    return found.stdout.strip()
