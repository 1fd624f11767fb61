"""What multiplies bytes, in software: the kernel around it is tested on every processor.

The kernel is compiled a second time with these functions in the place of the instructions.
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
from recsys.inference.topk_instructions import DEPTH, ROWS, SIDE, TALL


@intrinsic
def _pointer(_context: Any, _address: Any) -> Any:
    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return numba.types.voidptr(numba.types.intp), emit


@numba.njit
def multiply(layout: Any, queries: Any, candidates: Any, found: Any) -> None:
    height, depth = (ROWS, SIDE) if layout is None else (TALL, DEPTH)
    rows, stride, leasts = queries
    columns, steps, starts = candidates
    products, apart, bits, between = found
    starts = numba.carray(_pointer(starts), SIDE, np.int32)
    leasts = numba.carray(_pointer(leasts), height, np.int32)
    quads = numba.carray(_pointer(columns), (steps, depth // 4, SIDE, 4), np.int8)
    for query in range(height):
        dims = numba.carray(_pointer(rows + query * stride), (steps, depth // 4, 4), np.uint8)
        totals = numba.carray(_pointer(products + query * apart), SIDE, np.int32)
        reached = numba.carray(_pointer(bits + query * between), 1, np.uint32)
        reached[0] = 0
        for candidate in range(SIDE):
            total = np.int64(starts[candidate])
            for step in range(steps):
                for quad in range(depth // 4):
                    for dim in range(4):
                        value = np.int64(dims[step, quad, dim])
                        total += value * np.int64(quads[step, quad, candidate, dim])
            totals[candidate] = np.int32(total)
            if totals[candidate] >= leasts[query]:
                reached[0] |= np.uint32(1) << np.uint32(candidate)


@numba.njit
def no_tiles(_layout: Any) -> None:
    """Stands where the matrix unit's tiles are laid out, and given back."""


def kernel_in_software() -> dict[str, Any]:
    """Return what `topk_coarse` takes of the kernel, compiled around the function above.

    Nothing of it is cached.
    """

    def compiled(function: Any, **options: Any) -> Any:
        return numba.njit(nogil=True, **options)(function)

    with (
        patch.object(topk_instructions, "multiply", multiply),
        patch.object(topk_instructions, "configure", no_tiles),
        patch.object(topk_instructions, "release", no_tiles),
        patch("recsys.compiled.compiled", compiled),
    ):
        units = _loaded_again(topk_units)
        with patch.dict(sys.modules, {topk_units.__name__: units}):
            kernel = _loaded_again(topk_kernel)
    return {"ForBytes": units.ForBytes, "search": kernel.search}


def _loaded_again(module: ModuleType) -> Any:
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_in_software", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again
