"""Products of bytes, and which of them are large enough.

AVX-512 VNNI (Intel since Cascade Lake, AMD since Zen 4) adds four products of bytes to each of 16
sums at a time: twice as many as of bfloat16, and four times as many as of float32. A matrix unit
(AMX, Intel since Sapphire Rapids) adds 64 to each of 256 sums in 16 cycles. Products of bytes are
whole numbers: both write the same.

A thread that has used the matrix unit must not run oneDNN (TensorFlow) afterwards, which believes
that the tiles of its thread are as it left them: whoever calls this does so in threads of its own.
"""

import ctypes
import platform
import sys
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from recsys.vectors import at, broadcast, instruction, load

#: Candidates that stand together, and dims of one step of vectors.
SIDE = 32
#: Dims of one step of the matrix unit: as many as one instruction takes.
DEPTH = 64
#: Dims whose products are added by one instruction.
QUAD = 4
#: Queries whose sums of products with SIDE candidates stay in the registers, and in the tiles.
ROWS, TALL = 8, 16

#: What the matrix unit is told: palette 1, and bytes a row and rows of five tiles. Two are of sums,
#: one is of queries, and two are of candidates, a row a quad.
LAYOUT = np.zeros(64, np.uint8)
LAYOUT[0], LAYOUT[16:26:2], LAYOUT[48:53] = 1, 64, 16

_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
#: A vector of 16 whole numbers, or as many times four bytes.
_INTS = ir.VectorType(_INT, 16)
_NOTHING = ir.VoidType()


def has_vnni() -> bool:
    """Return whether the processor multiplies vectors of bytes (AVX-512 VNNI)."""
    return _has("avx512vnni")


def has_matrix_unit() -> bool:
    """Return whether this process may use it: the processor has one and Linux grants it."""
    if sys.platform != "linux" or not _has("amx-int8"):
        return False
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    return not ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data)


def _has(feature: str) -> bool:
    # Numba may be told to compile for another processor (NUMBA_CPU_NAME), without this feature.
    settings: Any = numba.config
    is_host = platform.machine() in ("x86_64", "AMD64") and not settings.CPU_NAME
    return is_host and bool(binding.get_host_cpu_features().get(feature))


def _emit(builder: Any, name: str, *arguments: Any, returns: Any = _NOTHING) -> Any:
    kind = ir.FunctionType(returns, [argument.type for argument in arguments])
    function: Any = cgutils.get_or_insert_function
    return builder.call(function(builder.module, kind, f"llvm.x86.{name}"), arguments)


@instruction
def configure(_context: Any, layout: Any) -> Any:
    """Lay out the thread's tiles by the 64 bytes of an array; do nothing for None."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if layout != types.none:
            array = context.make_array(layout)(context, builder, arguments[0])
            _emit(builder, "ldtilecfg", array.data)
        return context.get_dummy_value()

    return types.void(layout), emit


@instruction
def release(_context: Any, layout: Any) -> Any:
    """Give the thread's tiles back; do nothing for None."""

    def emit(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if layout != types.none:
            _emit(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(layout), emit


@instruction
def multiply(_context: Any, layout: Any, queries: Any, candidates: Any, found: Any) -> Any:
    """Write the products of queries by SIDE candidates, and which of them are large enough.

    Args:
        layout: None for ROWS queries and steps of SIDE dims, by vectors; LAYOUT for TALL queries
            and steps of DEPTH dims, by the matrix unit.
        queries: addresses of bytes without a sign, a row a query; bytes a row; then the address of
            a number for each, int32, that a query's products must not be below.
        candidates: the address of bytes with a sign, step by step, in each step quad by quad, in
            each quad candidate by candidate; number of steps; then the address of SIDE numbers
            that sums start from, int32.
        found: the address of the products, int32, bytes from query to query; the address of a bit
            for each candidate, bytes from query to query.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        parts = [unpack(builder, argument) for argument in arguments[1:]]
        (_by_vectors if layout == types.none else _by_tiles)(builder, *parts)
        return context.get_dummy_value()

    return types.void(layout, queries, candidates, found), emit


def _by_vectors(builder: Any, queries: Any, candidates: Any, found: Any) -> None:
    """Do what `multiply` says for ROWS queries; their sums stay in registers."""
    rows, stride, leasts = queries
    columns, steps, starts = candidates
    products, apart, _, _ = found
    first = [load(builder, starts, _INTS, 64 * half) for half in range(2)]
    sums = _sums_of_products(builder, (rows, stride), (columns, steps), first)
    for row, pair in enumerate(sums):
        totals = [*map(builder.load, pair)]
        for half, total in enumerate(totals):
            place = builder.add(builder.mul(apart, _WORD(row)), _WORD(64 * half))
            builder.store(total, at(builder, products, place, _INTS), align=4)
        _write_reached(builder, row, totals, leasts, found)


def _by_tiles(builder: Any, queries: Any, candidates: Any, found: Any) -> None:
    """Do what `multiply` says for TALL queries; their sums are read again to be compared."""
    rows, stride, leasts = queries
    columns, steps, starts = candidates
    products, apart, _, _ = found
    for half in range(2):
        # The same for all queries: no byte from row to row.
        place = at(builder, starts, _WORD(64 * half), _BYTE)
        _emit(builder, "tileloadd64", _BYTE(half), place, _WORD(0))
    with cgutils.for_range(builder, steps) as loop:
        row = at(builder, rows, builder.mul(loop.index, _WORD(DEPTH)), _BYTE)
        _emit(builder, "tileloadd64", _BYTE(2), row, stride)
        column = builder.add(columns, builder.mul(loop.index, _WORD(DEPTH * SIDE)))
        for half in range(2):
            place = at(builder, column, _WORD(64 * half), _BYTE)
            _emit(builder, "tileloadd64", _BYTE(3 + half), place, _WORD(SIDE * QUAD))
            _emit(builder, "tdpbusd", _BYTE(half), _BYTE(2), _BYTE(3 + half))
    for half in range(2):
        place = at(builder, products, _WORD(64 * half), _BYTE)
        _emit(builder, "tilestored64", _BYTE(half), place, apart)
    for row in range(TALL):
        start = builder.add(products, builder.mul(apart, _WORD(row)))
        totals = [load(builder, start, _INTS, 64 * half) for half in range(2)]
        _write_reached(builder, row, totals, leasts, found)


def _write_reached(builder: Any, row: int, totals: Any, leasts: Any, found: Any) -> None:
    """Write a bit for each of a query's products that is not below its least."""
    _, _, bits, between = found
    least = broadcast(builder, load(builder, leasts, _INT, 4 * row), 16)
    reached = [builder.icmp_signed(">=", total, least) for total in totals]
    order = ir.Constant(ir.VectorType(_INT, 32), [*range(32)])
    both = builder.bitcast(builder.shuffle_vector(*reached, order), _INT)
    builder.store(both, at(builder, bits, builder.mul(between, _WORD(row)), _INT), align=4)


def _sums_of_products(builder: Any, queries: Any, candidates: Any, starts: Any) -> list[list[Any]]:
    """Return variables with the sums of ROWS queries and twice 16 candidates."""
    (rows, stride), (columns, steps) = queries, candidates
    # LLVM makes registers of these variables.
    new: Any = cgutils.alloca_once
    sums = [[new(builder, _INTS) for _ in starts] for _ in range(ROWS)]
    for pair in sums:
        for start, total in zip(starts, pair, strict=True):
            builder.store(start, total)
    with cgutils.for_range(builder, steps) as loop:
        row = builder.add(rows, builder.mul(loop.index, _WORD(SIDE)))
        column = builder.add(columns, builder.mul(loop.index, _WORD(SIDE * SIDE)))
        for quad in range(SIDE // QUAD):
            halves = [load(builder, column, _INTS, 128 * quad + 64 * half) for half in range(2)]
            for query, pair in enumerate(sums):
                place = builder.add(row, builder.mul(stride, _WORD(query)))
                dims = broadcast(builder, load(builder, place, _INT, QUAD * quad), 16)
                for half, total in zip(halves, pair, strict=True):
                    added = (builder.load(total), dims, half)
                    builder.store(
                        _emit(builder, "avx512.vpdpbusd.512", *added, returns=_INTS), total
                    )
    return sums
