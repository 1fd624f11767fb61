"""Arrow's memory pool."""

import subprocess
import sys

import pytest

CODE = """
import pyarrow as pa
from recsys.memory import keep_freed_memory
keep_freed_memory()
print(pa.default_memory_pool().backend_name)
"""


@pytest.mark.parametrize(("named", "used"), [("", "jemalloc"), ("system", "system")])
def test_jemalloc_is_used_unless_another_is_named(named: str, used: str) -> None:
    env = {"PYTHONPATH": "include", **({"ARROW_DEFAULT_MEMORY_POOL": named} if named else {})}
    run = subprocess.run(
        [sys.executable, "-c", CODE], check=True, env=env, capture_output=True, text=True
    )
    assert run.stdout.strip() == used
