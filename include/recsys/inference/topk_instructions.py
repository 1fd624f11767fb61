"""What Numba has no words for: products of bytes, and 64 comparisons at once.

AVX-512 VNNI (Intel since Cascade Lake, AMD since Zen 4) adds four products of bytes to each of 16
sums at a time: twice as many as of bfloat16, and four times as many as of float32.
"""

import platform
from collections.abc import Callable
from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Candidates that stand together, and dims of one step.
SIDE = 32
#: Dims whose products are added by one instruction.
QUAD = 4
#: Queries whose sums of products with SIDE candidates stay in the registers.
ROWS = 8

_BYTE, _INT, _WORD = (ir.IntType(bits) for bits in (8, 32, 64))
_FLOAT, _NOTHING = ir.FloatType(), ir.VoidType()
#: Vectors of 16 whole numbers, or as many times four bytes, and of 16 floats.
_INTS, _FLOATS = ir.VectorType(_INT, 16), ir.VectorType(_FLOAT, 16)
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


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


@_instruction
def multiply(_context: Any, _queries: Any, _candidates: Any, _found: Any) -> Any:
    """Write the products of ROWS queries by SIDE candidates, and which of them reach the bars.

    A product reaches its query's bar if it is no less than bar * inverse - error.

    Args:
        queries: addresses of bytes without a sign, a row a query; bytes a row; then the addresses
            of ROWS bars and of ROWS errors, float32.
        candidates: the address of bytes with a sign, step by step, in each step quad by quad, in
            each quad candidate by candidate; number of steps of 32 dims; then the addresses of
            SIDE numbers that sums start from, int32, and of SIDE inverses, float32.
        found: the address of the products, float32, bytes from query to query; the address of a bit
            for each candidate, bytes from query to query.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        rows, stride, bars, errors = unpack(builder, arguments[0])
        columns, steps, starts, inverses = unpack(builder, arguments[1])
        products, apart, bits, between = unpack(builder, arguments[2])
        first = [_load(builder, starts, _INTS, 64 * half) for half in range(2)]
        halves = [_load(builder, inverses, _FLOATS, 64 * half) for half in range(2)]
        sums = _sums_of_products(builder, (rows, stride), (columns, steps), first)
        for row, pair in enumerate(sums):
            bar, error = (
                _same(builder, _load(builder, start, _FLOAT, 4 * row), 16)
                for start in (bars, errors)
            )
            reached = []
            for half, (total, inverse) in enumerate(zip(pair, halves, strict=True)):
                product = builder.sitofp(builder.load(total), _FLOATS)
                place = builder.add(builder.mul(apart, _WORD(row)), _WORD(64 * half))
                builder.store(product, _at(builder, products, place, _FLOATS), align=4)
                raised = builder.fmul(bar, inverse, flags=("contract",))
                least = builder.fsub(raised, error, flags=("contract",))
                reached.append(builder.fcmp_ordered(">=", product, least))
            order = ir.Constant(ir.VectorType(_INT, 32), [*range(32)])
            both = builder.bitcast(builder.shuffle_vector(*reached, order), _INT)
            place = builder.mul(between, _WORD(row))
            builder.store(both, _at(builder, bits, place, _INT), align=4)
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
            halves = [_load(builder, column, _INTS, 128 * quad + 64 * half) for half in range(2)]
            for query, pair in enumerate(sums):
                place = builder.add(row, builder.mul(stride, _WORD(query)))
                dims = _same(builder, _load(builder, place, _INT, QUAD * quad), 16)
                for half, total in zip(halves, pair, strict=True):
                    added = (builder.load(total), dims, half)
                    builder.store(_emit(builder, "vpdpbusd.512", *added, returns=_INTS), total)
    return sums


def _at(builder: Any, start: Any, offset: Any, kind: Any) -> Any:
    return builder.inttoptr(builder.add(start, offset), kind.as_pointer())


def _load(builder: Any, start: Any, kind: Any, offset: int) -> Any:
    return builder.load(_at(builder, start, _WORD(offset), kind), align=4)


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
