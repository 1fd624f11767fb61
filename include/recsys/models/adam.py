"""Adam in one compiled call, with embeddings' gradients summed where they are made."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Adam:
    """Adam with all variables updated by one compiled function.

    An embedding's row that k rows of a batch share has k gradients, whose sum is its gradient: as
    Keras moves a dense variable. Of gradients that TensorFlow slices Keras's second moment takes
    the sum of squares instead, and sums up anew for each moment, which took two thirds of a step.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, variables: Sequence[Any], learning_rate: float) -> None:
        self.variables = list(variables)
        self.learning_rate = learning_rate
        self.steps = tf.Variable(0.0)
        self.first = [tf.Variable(tf.zeros(v.shape)) for v in self.variables]
        self.second = [tf.Variable(tf.zeros(v.shape)) for v in self.variables]

    @property
    def state(self) -> list[Any]:
        """What it keeps from step to step: their number, and both moments of each variable."""
        return [self.steps, *self.first, *self.second]

    def apply(self, gradients: Sequence[Any]) -> None:
        """Move the variables by their gradients, each of the variable's shape: see `dense`."""
        self._update(gradients)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def _update(self, gradients: Sequence[Any]) -> None:
        self.steps.assign_add(1.0)
        rate = self.learning_rate * tf.sqrt(1 - BETA_2**self.steps) / (1 - BETA_1**self.steps)
        moved = zip(self.variables, self.first, self.second, gradients, strict=True)
        for variable, m, v, gradient in moved:
            m.assign_add((gradient - m) * (1 - BETA_1))
            v.assign_add((tf.square(gradient) - v) * (1 - BETA_2))
            variable.assign_sub(m * rate / (tf.sqrt(v) + EPSILON))


class Slices:
    """The gradient of a table [rows, width]: `values` [n, width], each for every row it chose.

    `chosen` is what `choose` returned.
    """

    def __init__(self, values: Any, chosen: Any) -> None:
        self.values, self.chosen = values, chosen


def choose(rows: Any, count: int) -> Any:
    """Return the sparse matrix [n, count] that is 1 where a line of `rows` int32 [n, C] says so.

    Its product with a table of `count` rows is the sum of each line's rows; the transposed one with
    such sums' gradients is the table's. Both are much faster than gathering and scattering.
    """
    n, each = tf.unstack(tf.shape(rows, out_type=tf.int64))
    flat = tf.reshape(tf.cast(rows, tf.int64), [-1])
    return tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=tf.stack([tf.repeat(tf.range(n), each), flat], axis=1),
        values=tf.ones_like(flat, tf.float32),
        dense_shape=[n, count],
    )


def sum_chosen(chosen: Any, table: Any) -> Any:
    """Return [n, width], the sums of rows of the table [count, width]; not differentiable."""
    return tf.raw_ops.SparseMatrixMatMul(a=chosen, b=table)


def dense(gradient: Any, variable: Any) -> Any:
    """Return a gradient, a tensor, `Slices`, or what TensorFlow slices, in its variable's shape."""
    if isinstance(gradient, tf.IndexedSlices):
        rows = choose(gradient.indices[:, None], variable.shape[0])
        gradient = Slices(gradient.values, rows)
    if not isinstance(gradient, Slices):
        return gradient
    chosen = tf.raw_ops.SparseMatrixTranspose(input=gradient.chosen, type=tf.float32)
    return sum_chosen(chosen, gradient.values)


def mean(parts: Sequence[Any], weights: Sequence[Any]) -> Any:
    """Return the weighted mean of tensors of one shape, one of each device."""
    if len(parts) == 1:
        return parts[0]
    weighted = [part * weight for part, weight in zip(parts, weights, strict=True)]
    return tf.add_n(weighted) / tf.add_n(list(weights))
