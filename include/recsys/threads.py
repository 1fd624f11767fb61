"""All cores for what NumPy and compiled functions do: they work without Python's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what a function makes of each item, in their order, a thread a core at work.

    The threads are new ones, and may be well ahead of whoever takes the results. An error of the
    function is raised when its turn comes.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, items)
