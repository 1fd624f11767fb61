"""Instructions that Numba has no words for: products in bfloat16, and 64 comparisons at once.

Intel's matrix unit (AMX) and, on more processors, vectors (AVX-512 BF16) multiply in bfloat16.

The matrix unit has eight tiles of 16 rows of 64 bytes. Products add to four of them, 16 queries by
64 candidates in float32, from one tile of queries and four of candidates in bfloat16, 32 dims deep:
nearly twice as fast as 32 queries by 32 candidates, whose sums wait for more loads.

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

#: Candidates that stand together, and dims of one product.
SIDE = 32
#: Queries of one product of the matrix unit, by twice SIDE candidates.
TALL = 16
#: Queries whose products by SIDE candidates stay in the registers of vectors.
ROWS = 8

#: What the matrix unit is told: palette 1, and eight tiles of 16 rows of 64 bytes.
LAYOUT = np.zeros(64, np.uint8)
LAYOUT[0], LAYOUT[16:32:2], LAYOUT[48:56] = 1, 64, 16

_BYTE, _WORD, _NOTHING = ir.IntType(8), ir.IntType(64), ir.VoidType()
#: A vector of 16 pairs of bfloat16, and one of 16 floats.
_PAIRS, _FLOATS = ir.VectorType(ir.IntType(32), 16), ir.VectorType(ir.FloatType(), 16)
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def has_matrix_unit() -> bool:
    """Return whether this process may use it: the processor has one and Linux grants it."""
    if sys.platform != "linux" or not _has("amx-bf16"):
        return False
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    return not ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data)


def has_avx512_bf16() -> bool:
    """Return whether the processor multiplies vectors in bfloat16 (AVX-512 BF16)."""
    return _has("avx512bf16")


def _has(feature: str) -> bool:
    # Numba may be told to compile for another processor (NUMBA_CPU_NAME), without this feature.
    settings: Any = numba.config
    is_host = platform.machine() in ("x86_64", "AMD64") and not settings.CPU_NAME
    return is_host and bool(binding.get_host_cpu_features().get(feature))


def _emit(builder: Any, name: str, *arguments: Any, returns: Any = _NOTHING) -> Any:
    kind = ir.FunctionType(returns, [argument.type for argument in arguments])
    function: Any = cgutils.get_or_insert_function
    return builder.call(function(builder.module, kind, f"llvm.x86.{name}"), arguments)


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
def add_products(_context: Any, _rows: Any, _stride: Any, _columns: Any, _apart: Any) -> Any:
    """Add 32 dims of 16 queries by 64 candidates to tiles 0 to 3.

    Addresses of the queries, with bytes a row, and of the first 32 candidates, with bytes to the
    others.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, stride, columns, apart = arguments
        _emit(builder, "tileloadd64", _BYTE(4), _address(builder, rows, _WORD(0)), stride)
        for tile in range(4):
            half = columns if tile < 2 else builder.add(columns, apart)
            start, other = _address(builder, half, _WORD(tile % 2 * 1024)), _BYTE(5 + tile % 3)
            _emit(builder, "tileloadd64", other, start, _WORD(64))
            _emit(builder, "tdpbf16ps", _BYTE(tile), _BYTE(4), other)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), emit


@_instruction
def store_tiles(_context: Any, _start: Any, _stride: Any) -> Any:
    """Write tiles 0 to 3 as 16 rows of 64 floats."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start, stride = arguments
        for tile in range(4):
            place = _address(builder, start, _WORD(tile * 64))
            _emit(builder, "tilestored64", _BYTE(tile), place, stride)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), emit


@_instruction
def store_products(
    _context: Any, _rows: Any, _stride: Any, _columns: Any, _steps: Any, _start: Any, _length: Any
) -> Any:
    """Write the products of ROWS queries by SIDE candidates, 32 dims a step, as floats.

    Three addresses: of queries, with bytes a row; of candidates, with steps; of the products, with
    bytes a row. All sums stay in registers on the way.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, stride, columns, steps, start, length = arguments
        zero = ir.Constant(_FLOATS, None)
        sums = [[_variable(builder, zero) for _ in range(2)] for _ in range(ROWS)]
        with cgutils.for_range(builder, steps) as loop:
            row = builder.add(rows, builder.mul(loop.index, _WORD(64)))
            column = builder.add(columns, builder.mul(loop.index, _WORD(2048)))
            for pair in range(16):
                halves = [_vector(builder, column, 1024 * half + 64 * pair) for half in range(2)]
                for query in range(ROWS):
                    place = builder.add(row, builder.mul(stride, _WORD(query)))
                    dims = _spread(builder, place, 4 * pair)
                    for half, total in zip(halves, sums[query], strict=True):
                        builder.store(_add_pairs(builder, builder.load(total), dims, half), total)
        for query in range(ROWS):
            for half, total in enumerate(sums[query]):
                place = builder.add(start, builder.mul(length, _WORD(query)))
                address = builder.inttoptr(
                    builder.add(place, _WORD(64 * half)), _FLOATS.as_pointer()
                )
                builder.store(builder.load(total), address, align=4)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6), emit


def _variable(builder: Any, value: Any) -> Any:
    """Return the address of a variable of that value; LLVM makes a register of it."""
    new: Any = cgutils.alloca_once_value
    return new(builder, value)


def _vector(builder: Any, start: Any, offset: int) -> Any:
    """Return the 16 pairs that stand there."""
    place = builder.inttoptr(builder.add(start, _WORD(offset)), _PAIRS.as_pointer())
    return builder.load(place, align=4)


def _spread(builder: Any, start: Any, offset: int) -> Any:
    """Return 16 times the pair that stands there."""
    place = builder.inttoptr(builder.add(start, _WORD(offset)), _PAIRS.element.as_pointer())
    return _same(builder, builder.load(place, align=4), 16)


def _add_pairs(builder: Any, total: Any, one: Any, other: Any) -> Any:
    """Return a sum of 16 floats with the products of pairs added, two of each."""
    return _emit(builder, "avx512bf16.dpbf16ps.512", total, one, other, returns=_FLOATS)


def _same(builder: Any, value: Any, count: int) -> Any:
    """Return a vector of one value."""
    nothing = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    first = builder.insert_element(nothing, value, _WORD(0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, nothing, places)


@_instruction
def reaching(_context: Any, _start: Any, _bar: Any) -> Any:
    """Return 64 bits: which of the 64 floats at an address are no less than `bar`."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.VectorType(ir.FloatType(), 64)
        values = builder.load(builder.inttoptr(arguments[0], wide.as_pointer()), align=4)
        bars = _same(builder, arguments[1], 64)
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


@_instruction
def fetch(_context: Any, _start: Any) -> Any:
    """Begin to load the 64 bytes at an address into the first cache."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], _BYTE.as_pointer())
        kind = ir.FunctionType(_NOTHING, [place.type, *[ir.IntType(32)] * 3])
        insert: Any = cgutils.get_or_insert_function
        function = insert(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [place, *(ir.IntType(32)(n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.intp), emit
