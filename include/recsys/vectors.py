"""What Numba has no words for: vectors, bits and caches in compiled code.

LLVM makes of a vector's operations what the processor has: one instruction, or some.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: `numba.extending.intrinsic`, with a type.
instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def at(builder: Any, start: Any, offset: Any, kind: Any) -> Any:
    """Return a pointer to what is `offset` bytes after an address."""
    return builder.inttoptr(builder.add(start, offset), kind.as_pointer())


def load(builder: Any, start: Any, kind: Any, offset: int = 0) -> Any:
    """Return what is `offset` bytes after an address, which is even."""
    return builder.load(at(builder, start, ir.IntType(64)(offset), kind), align=2)


def broadcast(builder: Any, value: Any, count: int) -> Any:
    """Return a vector of one value."""
    nothing = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(64)(0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, nothing, places)


@instruction
def reaching(_context: Any, _start: Any, _bar: Any) -> Any:
    """Return 64 bits: which of the 64 floats at an address are no less than `bar`."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.VectorType(ir.FloatType(), 64)
        values = builder.load(builder.inttoptr(arguments[0], wide.as_pointer()), align=4)
        bars = broadcast(builder, arguments[1], 64)
        return builder.bitcast(builder.fcmp_ordered(">=", values, bars), ir.IntType(64))

    return types.uint64(types.intp, types.float32), emit


@instruction
def lowest_bit(_context: Any, bits: Any) -> Any:
    """Return the place of the lowest bit set, of a number of any size without a sign."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))
        return place if bits.bitwidth == 64 else builder.zext(place, ir.IntType(64))

    return types.int64(bits), emit


@instruction
def count_bits(_context: Any, _bits: Any) -> Any:
    """Return how many bits are set."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), emit


@instruction
def fetch(_context: Any, _start: Any) -> Any:
    """Begin to load the 64 bytes at an address into the first cache."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, *[ir.IntType(32)] * 3])
        insert: Any = cgutils.get_or_insert_function
        function = insert(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [place, *(ir.IntType(32)(n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.intp), emit
