"""Functions that Numba compiles at their first call, and keeps where a folder is writable."""

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
#: Name, time of change and bytes of each file.
Stamp = tuple[tuple[str, float, int], ...]


def compiled(function: Function, **options: Any) -> Function:
    """Return a function that runs as machine code and without Python's lock.

    What was compiled is kept beside the file of the function, or else in the user's cache; where
    neither can be written, each process compiles anew. `options` are those of `numba.njit`.
    """
    quick: Any
    try:
        quick = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        quick = numba.njit(nogil=True, **options)(function)
    else:
        # Numba compiles anew when the function's own file has changed. It may take functions from
        # the files beside it and beside this one, whose machine code becomes part of its own.
        kept = quick._cache._cache_file
        folders = Path(inspect.getfile(function)).parent, Path(__file__).parent
        # A part of the version, which is compared before anything else is read: what was kept may
        # name types that are no more.
        kept._version = kept._version, *map(_stamp, folders)
    result: Function = quick
    return result


@cache
def _stamp(folder: Path) -> Stamp:
    """Return what changes when a Python file of the folder does."""
    found = [(path.name, path.stat()) for path in sorted(folder.glob("*.py"))]
    return tuple((name, state.st_mtime, state.st_size) for name, state in found)
