"""How the kernel of `top_k` is compiled and loaded, each time in a process of its own."""

import subprocess
import sys

import numpy as np

from recsys.inference import topk_kernel
from recsys.inference.topk_exact import key_of
from recsys.inference.topk_held import Task, hold
from recsys.inference.topk_units import HUGE, aligned


def test_it_runs_where_no_folder_can_be_written() -> None:
    code = """
import numpy as np
from numba.core import caching
caching.CompileResultCacheImpl._locator_classes = []
from recsys.inference.topk import top_k
one = np.ones((3, 2), np.float32)
assert top_k(one, one, 2, allowed=np.ones(3, bool))[0].tolist() == [[0, 1]] * 3
from recsys.inference import topk_kernel
assert type(topk_kernel._lift._cache).__name__ == "NullCache"
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "include"})


def test_numba_is_loaded_when_it_is_needed() -> None:
    code = "import sys; import recsys.inference.sources; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "include"})


def test_what_is_taken_64_bytes_at_a_time_starts_at_a_line_of_the_caches() -> None:
    for size in range(1, 40):
        found = aligned((size, 3, 5), np.uint16)
        assert (found.shape, found.dtype, found.ctypes.data % 64) == ((size, 3, 5), np.uint16, 0)
    large = aligned((HUGE // 8 + 1, 3), np.float32)
    large[:] = 1
    assert (large.sum(), large.ctypes.data % 64) == (large.size, 0)


def test_ceilings_may_be_below_the_bar_by_what_is_rounded() -> None:
    vectors = np.arange(10, dtype=np.float32)[:, None]
    numbers, none = np.full(1, 9, np.float32), np.zeros(0, np.int32)
    found = np.zeros((1, 3), np.int32), np.zeros((1, 3), np.float32)
    keys, offsets = np.arange(10, dtype=np.int32), np.zeros(2, np.int64)
    task = Task(vectors[1:2], vectors, keys, numbers, numbers, offsets, none, 3, *found)
    held = hold(task, 1)
    held.keys[0, :10], held.ceilings[0, :10] = keys, vectors[:, 0]
    held.bars[0] = 8.5  # one reaches it, and three are wanted
    topk_kernel._find_best(held, task, 0, 0, 10)
    assert [key_of(code) for code in held.best] == [9, 8, 7]
