"""Products of bytes, and which of them are large enough.

AVX-512 VNNI (Intel since Cascade Lake, AMD since Zen 4) adds four products of bytes to each of 16
sums at a time: twice as many as of bfloat16, and four times as many as of float32.
"""

import platform
from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from recsys.vectors import at, broadcast, instruction, load

#: Candidates that stand together, and dims of one step.
SIDE = 32
#: Dims whose products are added by one instruction.
QUAD = 4
#: Queries whose sums of products with SIDE candidates stay in the registers.
ROWS = 8

_INT, _WORD = ir.IntType(32), ir.IntType(64)
#: A vector of 16 whole numbers, or as many times four bytes.
_INTS = ir.VectorType(_INT, 16)


def has_vnni() -> bool:
    """Return whether the processor multiplies vectors of bytes (AVX-512 VNNI)."""
    # Numba may be told to compile for another processor (NUMBA_CPU_NAME), without this feature.
    settings: Any = numba.config
    is_host = platform.machine() in ("x86_64", "AMD64") and not settings.CPU_NAME
    return is_host and bool(binding.get_host_cpu_features().get("avx512vnni"))


def _emit(builder: Any, name: str, *arguments: Any, returns: Any) -> Any:
    kind = ir.FunctionType(returns, [argument.type for argument in arguments])
    function: Any = cgutils.get_or_insert_function
    return builder.call(function(builder.module, kind, f"llvm.x86.avx512.{name}"), arguments)


@instruction
def multiply(_context: Any, _queries: Any, _candidates: Any, _found: Any) -> Any:
    """Write the products of ROWS queries by SIDE candidates, and which of them are large enough.

    Args:
        queries: addresses of bytes without a sign, a row a query; bytes a row; then the address of
            ROWS numbers, int32, that a query's products must not be below.
        candidates: the address of bytes with a sign, step by step, in each step quad by quad, in
            each quad candidate by candidate; number of steps of 32 dims; then the address of SIDE
            numbers that sums start from, int32.
        found: the address of the products, int32, bytes from query to query; the address of a bit
            for each candidate, bytes from query to query.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        rows, stride, leasts = unpack(builder, arguments[0])
        columns, steps, starts = unpack(builder, arguments[1])
        products, apart, bits, between = unpack(builder, arguments[2])
        first = [load(builder, starts, _INTS, 64 * half) for half in range(2)]
        sums = _sums_of_products(builder, (rows, stride), (columns, steps), first)
        for row, pair in enumerate(sums):
            least = broadcast(builder, load(builder, leasts, _INT, 4 * row), 16)
            reached = []
            for half, total in enumerate(map(builder.load, pair)):
                place = builder.add(builder.mul(apart, _WORD(row)), _WORD(64 * half))
                builder.store(total, at(builder, products, place, _INTS), align=4)
                reached.append(builder.icmp_signed(">=", total, least))
            order = ir.Constant(ir.VectorType(_INT, 32), [*range(32)])
            both = builder.bitcast(builder.shuffle_vector(*reached, order), _INT)
            place = builder.mul(between, _WORD(row))
            builder.store(both, at(builder, bits, place, _INT), align=4)
        return context.get_dummy_value()

    return types.void(_queries, _candidates, _found), emit


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
                    builder.store(_emit(builder, "vpdpbusd.512", *added, returns=_INTS), total)
    return sums
