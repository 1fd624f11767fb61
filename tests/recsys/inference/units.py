"""What multiplies in bfloat16, in software: the kernel around it is tested on every processor.

The kernel is compiled a second time with these functions in the place of the instructions. There is
one set of tiles: searches must run in one thread.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

from recsys.inference import topk_instructions, topk_kernel, topk_units
from recsys.inference.topk_instructions import ROWS

#: What tiles 0 to 3 hold: side by side, each 16 queries by 16 candidates.
TILES = np.zeros((16, 64), np.float32)
_TILES = TILES.ctypes.data


@intrinsic
def _pointer(_context: Any, _address: Any) -> Any:
    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return numba.types.voidptr(numba.types.intp), emit


@numba.njit
def _widened(bits: Any) -> Any:
    """Return the values of bfloat16s."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


@numba.njit
def clear_tiles() -> None:
    tiles = numba.carray(_pointer(_TILES), (16, 64), np.float32)
    tiles[:] = 0


@numba.njit
def add_products(rows: int, stride: int, columns: int, apart: int) -> None:
    tiles = numba.carray(_pointer(_TILES), (16, 64), np.float32)
    for half in range(2):
        start = columns + half * apart
        pairs = _widened(numba.carray(_pointer(start), (2, 16, 16, 2), np.uint16))
        for query in range(16):
            dims = _widened(numba.carray(_pointer(rows + query * stride), 32, np.uint16))
            for candidate in range(32):
                for dim in range(32):
                    other = pairs[candidate // 16, dim // 2, candidate % 16, dim % 2]
                    tiles[query, 32 * half + candidate] += dims[dim] * other


@numba.njit
def store_tiles(start: int, stride: int) -> None:
    tiles = numba.carray(_pointer(_TILES), (16, 64), np.float32)
    for query in range(16):
        numba.carray(_pointer(start + query * stride), 64, np.float32)[:] = tiles[query]


@numba.njit
def store_products(
    rows: int, stride: int, columns: int, steps: int, start: int, length: int
) -> None:
    for query in range(ROWS):
        sums = numba.carray(_pointer(start + query * length), 32, np.float32)
        sums[:] = 0
        for step in range(steps):
            pairs = _widened(
                numba.carray(_pointer(columns + 2048 * step), (2, 16, 16, 2), np.uint16)
            )
            row = _pointer(rows + query * stride + 64 * step)
            dims = _widened(numba.carray(row, 32, np.uint16))
            for candidate in range(32):
                for dim in range(32):
                    other = pairs[candidate // 16, dim // 2, candidate % 16, dim % 2]
                    sums[candidate] += dims[dim] * other


@numba.njit
def configure(_layout: int) -> None:
    pass


@numba.njit
def release() -> None:
    pass


def kernel_in_software() -> dict[str, Any]:
    """Return what `topk_coarse` takes of the kernel, compiled around the functions above.

    Nothing of it is cached.
    """
    instead = (
        "configure", "release", "clear_tiles", "add_products", "store_tiles", "store_products",
    )  # fmt: skip
    functions = {name: getattr(sys.modules[__name__], name) for name in instead}

    def compiled(function: Any, **options: Any) -> Any:
        return numba.njit(nogil=True, **options)(function)

    with (
        patch.multiple(topk_instructions, **functions),
        patch("recsys.compiled.compiled", compiled),
    ):
        units = _loaded_again(topk_units)
        with patch.dict(sys.modules, {topk_units.__name__: units}):
            kernel = _loaded_again(topk_kernel)
    found = {name: getattr(units, name) for name in ("ForMatrixUnit", "ForAvx512")}
    return found | {"search": kernel.search}


def _loaded_again(module: ModuleType) -> Any:
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_in_software", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again
