"""All cores for what NumPy and compiled functions do: they work without Python's lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def in_threads_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int
) -> Iterator[Result]:
    """Yield what a function makes of each item, in their order, while threads work on the next.

    Memory is bounded: at most `ahead` results wait for whoever takes them. An error of the function
    is raised when its turn comes, and ends the work.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) == ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
