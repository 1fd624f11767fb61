"""Trees' tests on many rows at once: see `forest`."""

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.vectors import at, broadcast, instruction, load, lowest_bit

if TYPE_CHECKING:
    from recsys.models.forest import Forest

#: Rows that pass through all trees together: their codes stay in the first cache, and the leaves
#: that are left to them in registers.
SIDE = 64
#: Rows whose codes are made together: a line of memory is read as a whole.
BLOCK = 512
#: A code that fails every test.
FAILS = 0xFFFF

_WORD = ir.IntType(64)
#: A code of each row.
CODES = ir.VectorType(ir.IntType(16), SIDE)


@instruction
def count_cuts(_context: Any, _values: Any, _cuts: Any, _codes: Any) -> Any:
    """Write codes of SIDE values: how many cuts are less, none for NaN; and again, FAILS for NaN.

    Args:
        values: the address of float32.
        cuts: the address of float32; the first one to be looked at, and the end.
        codes: the address of uint16 [2, SIDE].
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        cuts, start, end = unpack(builder, arguments[1])
        values = load(builder, arguments[0], ir.VectorType(ir.FloatType(), SIDE))
        # LLVM makes registers of this variable.
        new: Any = cgutils.alloca_once_value
        # As wide as the values, so that one instruction counts what another compared.
        wide = ir.VectorType(ir.IntType(32), SIDE)
        counts = new(builder, ir.Constant(wide, [0] * SIDE))
        with cgutils.for_range(builder, end, start=start) as loop:
            cut = load(builder, _item(builder, cuts, loop.index, 4), ir.FloatType())
            above = builder.fcmp_ordered(">", values, broadcast(builder, cut, SIDE))
            builder.store(builder.sub(builder.load(counts), builder.sext(above, wide)), counts)
        codes = builder.trunc(builder.load(counts), CODES)
        missing = builder.fcmp_unordered("uno", values, values)
        failed = builder.select(missing, ir.Constant(CODES, [FAILS] * SIDE), codes)
        for plane, found in enumerate((codes, failed)):
            builder.store(found, at(builder, arguments[2], _WORD(2 * SIDE * plane), CODES), align=2)
        return context.get_dummy_value()

    return types.void(_values, _cuts, _codes), emit


@instruction
def pass_tests(_context: Any, _codes: Any, _tests: Any, masks: Any, _left: Any) -> Any:
    """Write which leaves a tree's tests leave to SIDE rows, a word of the masks' type each.

    Args:
        codes: the address of uint16 [planes, SIDE].
        tests: addresses of planes, int32, and of places, uint16; the first test, and the end.
        masks: [tests].
        left: the address of SIDE words.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        unpack: Any = cgutils.unpack_tuple
        planes, places, start, end = unpack(builder, arguments[1])
        array: Any = context.make_array(signature.args[2])(context, builder, arguments[2])
        words = ir.VectorType(ir.IntType(masks.dtype.bitwidth), SIDE)
        every = ir.Constant(words, [-1] * SIDE)
        new: Any = cgutils.alloca_once_value
        bits = new(builder, every)
        with cgutils.for_range(builder, end, start=start) as loop:
            plane = load(builder, _item(builder, planes, loop.index, 4), ir.IntType(32))
            row = _item(builder, arguments[0], builder.zext(plane, _WORD), 2 * SIDE)
            place = load(builder, _item(builder, places, loop.index, 2), ir.IntType(16))
            passed = builder.icmp_unsigned(
                "<=", load(builder, row, CODES), broadcast(builder, place, SIDE)
            )
            mask = builder.load(builder.gep(array.data, [loop.index]))
            kept = builder.select(passed, every, broadcast(builder, mask, SIDE))
            builder.store(builder.and_(builder.load(bits), kept), bits)
        builder.store(builder.load(bits), at(builder, arguments[3], _WORD(0), words), align=2)
        return context.get_dummy_value()

    return types.void(_codes, _tests, masks, _left), emit


def _item(builder: Any, start: Any, number: Any, size: int) -> Any:
    """Return the address of an array's item of so many bytes."""
    return builder.add(start, builder.mul(number, _WORD(size)))


@compiled
def sum_leaves(
    forest: "Forest",
    columns: NDArray[np.float32],
    rows: tuple[int, int],
    scores: NDArray[np.float64],
) -> None:
    """Write the sums of leaves, see `Forest`, of the rows from one to another.

    `columns` are [columns, rows].
    """
    codes = np.zeros((BLOCK // SIDE, 2 * len(columns), SIDE), np.uint16)
    last = np.zeros(SIDE, np.float32)
    for start in range(rows[0], rows[1], BLOCK):
        end = min(start + BLOCK, rows[1])
        for column in range(len(forest.cut_offsets) - 1):
            cuts = (
                forest.cuts.ctypes.data,
                forest.cut_offsets[column],
                forest.cut_offsets[column + 1],
            )
            for first in range(start, end, SIDE):
                values = np.intp(columns.ctypes.data) + 4 * (column * columns.shape[1] + first)
                if end - first < SIDE:
                    for row in range(first, end):
                        last[row - first] = columns[column, row]
                    values = np.intp(last.ctypes.data)
                place = (first - start) * codes.shape[1] + 2 * SIDE * column
                count_cuts(values, cuts, np.intp(codes.ctypes.data) + 2 * place)
        for first in range(start, end, SIDE):
            _sum_few(forest, codes[(first - start) // SIDE], scores[first : min(first + SIDE, end)])


@compiled
def _sum_few(forest: "Forest", codes: NDArray[np.uint16], scores: NDArray[np.float64]) -> None:
    """Write the sums of leaves of the first of SIDE rows, whose codes are [planes, SIDE]."""
    left = np.zeros(SIDE, forest.masks.dtype)
    sums = np.zeros(SIDE)
    planes, places = forest.planes.ctypes.data, forest.places.ctypes.data
    for tree in range(len(forest.leaves)):
        tests = (planes, places, forest.offsets[tree], forest.offsets[tree + 1])
        pass_tests(codes.ctypes.data, tests, forest.masks, left.ctypes.data)
        for row in range(SIDE):
            sums[row] += forest.leaves[tree, lowest_bit(left[row])]
    for row in range(len(scores)):
        scores[row] = sums[row]
