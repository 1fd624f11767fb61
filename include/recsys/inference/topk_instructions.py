"""Instructions that Numba has no words for: Intel's matrix unit (AMX), and 64 comparisons at once.

The matrix unit has eight tiles of 16 rows of 64 bytes. A product adds to four of them, 32 queries
by 32 candidates in float32, from two of queries and two of candidates in bfloat16, 32 dims deep.

A thread that has used it must not run oneDNN (TensorFlow) afterwards, which believes that the tiles
of its thread are as it left them: whoever calls this does so in threads of its own.
"""

import ctypes
import platform
import sys
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Queries, candidates and dims of one product.
SIDE = 32

#: What the matrix unit is told: palette 1, and eight tiles of 16 rows of 64 bytes.
LAYOUT = np.zeros(64, np.uint8)
LAYOUT[0], LAYOUT[16:32:2], LAYOUT[48:56] = 1, 64, 16

_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def has_matrix_unit() -> bool:
    """Return whether this process may use it: the processor has one and Linux grants it."""
    # Numba may be told to compile for another processor (NUMBA_CPU_NAME), without this unit. It
    # makes the names of its settings as it loads, where a type checker does not see them.
    named = numba.config.CPU_NAME  # type: ignore[attr-defined]
    if sys.platform != "linux" or platform.machine() != "x86_64" or named:
        return False
    if not binding.get_host_cpu_features().get("amx-bf16"):
        return False
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    return not ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data)


def _emit(builder: Any, name: str, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function: Any = cgutils.get_or_insert_function
    builder.call(function(builder.module, kind, f"llvm.x86.{name}"), arguments)


def _address(builder: Any, start: Any, offset: Any) -> Any:
    return builder.inttoptr(builder.add(start, offset), _BYTE.as_pointer())


@_instruction
def configure(_context: Any, _layout: Any) -> Any:
    """Lay out the tiles as the 64 bytes at an address say."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        _emit(builder, "ldtilecfg", builder.inttoptr(arguments[0], _BYTE.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp), emit


@_instruction
def release(_context: Any) -> Any:
    """Give the tiles back."""

    def emit(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        _emit(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), emit


@_instruction
def clear_tiles(_context: Any) -> Any:
    """Set tiles 0 to 3 to zero."""

    def emit(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        for tile in range(4):
            _emit(builder, "tilezero", _BYTE(tile))
        return context.get_dummy_value()

    return types.void(), emit


@_instruction
def add_products(_context: Any, _rows: Any, _stride: Any, _columns: Any) -> Any:
    """Add 32 dims of 32 queries by 32 candidates to tiles 0 to 3; addresses and bytes a row."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, stride, columns = arguments
        below = builder.mul(stride, _WORD(16))
        _emit(builder, "tileloadd64", _BYTE(4), _address(builder, rows, _WORD(0)), stride)
        _emit(builder, "tileloadd64", _BYTE(5), _address(builder, rows, below), stride)
        for half in range(2):
            start = _address(builder, columns, _WORD(1024 * half))
            _emit(builder, "tileloadd64", _BYTE(6 + half), start, _WORD(64))
        for tile in range(4):
            _emit(builder, "tdpbf16ps", _BYTE(tile), _BYTE(4 + tile // 2), _BYTE(6 + tile % 2))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), emit


@_instruction
def store_tiles(_context: Any, _start: Any, _stride: Any) -> Any:
    """Write tiles 0 to 3 as 32 rows of 32 floats."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start, stride = arguments
        for tile in range(4):
            row = builder.mul(stride, _WORD(tile // 2 * 16))
            place = _address(builder, start, builder.add(row, _WORD(tile % 2 * 64)))
            _emit(builder, "tilestored64", _BYTE(tile), place, stride)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), emit


@_instruction
def reaching(_context: Any, _start: Any, _bar: Any) -> Any:
    """Return 64 bits: which of the 64 floats at an address are no less than `bar`."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.VectorType(ir.FloatType(), 64)
        values = builder.load(builder.inttoptr(arguments[0], wide.as_pointer()), align=4)
        first = builder.insert_element(ir.Constant(wide, ir.Undefined), arguments[1], _WORD(0))
        same = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        bars = builder.shuffle_vector(first, ir.Constant(wide, ir.Undefined), same)
        return builder.bitcast(builder.fcmp_ordered(">=", values, bars), _WORD)

    return types.uint64(types.intp, types.float32), emit


@_instruction
def lowest_bit(_context: Any, _bits: Any) -> Any:
    """Return the place of the lowest bit set."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), emit


@_instruction
def count_bits(_context: Any, _bits: Any) -> Any:
    """Return how many bits are set."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), emit
