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
def bits_of(_context: Any, _value: Any) -> Any:
    """Return the bits of a float32, as a whole number."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), emit


@instruction
def float_of(_context: Any, _bits: Any) -> Any:
    """Return the float32 of which these are the bits."""

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), emit


@instruction
def fetch(_context: Any, _start: Any) -> Any:
    """Begin to load the 64 bytes at an address into the second cache.

    The first one waits for few lines at a time.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, *[ir.IntType(32)] * 3])
        insert: Any = cgutils.get_or_insert_function
        function = insert(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [place, *(ir.IntType(32)(n) for n in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(types.intp), emit


@instruction
def sums_of_products(_context: Any, _ones: Any, _others: Any, _steps: Any) -> Any:
    """Return the sums, in float64, of the products of a vector with each of four others.

    Four take less than twice as long as one, whose sums wait for each other.

    Args:
        ones: the address of float64 numbers.
        others: four addresses, each of float32 numbers.
        steps: how often 16 numbers are multiplied.
    """

    def emit(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        pack: Any = cgutils.pack_array
        ones, others, steps = arguments
        pairs = _pairs_of_sums(builder, ones, unpack(builder, others), steps)
        parts = [builder.fadd(*map(builder.load, pair)) for pair in pairs]
        first, second = (_add_halves(builder, parts[at], parts[at + 1], 4) for at in (0, 2))
        all_four = _add_halves(builder, first, second, 2)
        found = _add_halves(builder, all_four, all_four, 1)
        return pack(builder, [builder.extract_element(found, ir.IntType(32)(n)) for n in range(4)])

    four: Any = types.UniTuple
    return four(types.float64, 4)(_ones, _others, _steps), emit


def _pairs_of_sums(builder: Any, ones: Any, others: list[Any], steps: Any) -> list[list[Any]]:
    """Return variables, two for each vector of others: sums of every other 8 products."""
    wide, narrow = ir.VectorType(ir.DoubleType(), 8), ir.VectorType(ir.FloatType(), 8)
    # LLVM makes registers of these variables.
    new: Any = cgutils.alloca_once
    sums = [[new(builder, wide) for _ in range(2)] for _ in others]
    for pair in sums:
        for total in pair:
            builder.store(ir.Constant(wide, [0.0] * 8), total)
    with cgutils.for_range(builder, steps) as loop:
        far = builder.mul(loop.index, ir.IntType(64)(64))
        one = builder.add(ones, builder.add(far, far))
        for half in range(2):
            factors = load(builder, one, wide, 64 * half)
            for other, pair in zip(others, sums, strict=True):
                values = load(builder, builder.add(other, far), narrow, 32 * half)
                values = builder.fpext(values, wide)
                product = builder.fmul(factors, values, flags=("contract",))
                added = builder.fadd(builder.load(pair[half]), product, flags=("contract",))
                builder.store(added, pair[half])
    return sums


def _add_halves(builder: Any, one: Any, other: Any, half: int) -> Any:
    """Add the upper half of each 2 * `half` numbers of two vectors of 8 to its lower half.

    What becomes of the second vector follows what becomes of the first.
    """
    lower = [first + at for first in range(0, 16, 2 * half) for at in range(half)]
    orders = [
        ir.Constant(ir.VectorType(ir.IntType(32), 8), [at + far for at in lower])
        for far in (0, half)
    ]
    return builder.fadd(*(builder.shuffle_vector(one, other, order) for order in orders))
