"""Functions that Numba compiles at their first call, and keeps where a folder is writable."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, **options: Any) -> Function:
    """Return a function that runs as machine code and without Python's lock.

    What was compiled is kept beside the file of the function, or else in the user's cache; where
    neither can be written, each process compiles anew. `options` are those of `numba.njit`.
    """
    try:
        quick: Function = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        quick = numba.njit(nogil=True, **options)(function)
    return quick
