"""Sums of an embedding table's rows, and the gradient of the table from theirs.

Both are products with a sparse matrix, which is much faster than gathering and scattering.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class Choice(NamedTuple):
    """Which rows of a table each of n lines sums up: sparse matrices as `choose` makes them.

    Both are made at once, ahead of the step, and only tensors can be handed on in its loop.
    """

    matrix: Any  # [n, count], 1 where a line has a row of the table
    transposed: Any  # [count, n]

    def sums(self, table: Any) -> Any:
        """Return [n, width] of a table [count, width]; not differentiable, see `gradient`."""
        return tf.raw_ops.SparseMatrixMatMul(a=self.matrix, b=table)

    def gradient(self, gradients: Any) -> Any:
        """Return the gradient of the table [count, width] of those of its sums [n, width]."""
        return tf.raw_ops.SparseMatrixMatMul(a=self.transposed, b=gradients)


def choose(rows: Any, count: int) -> Choice:
    """Return the choice of lines of `rows` int32 [n, C], each below `count`."""
    n, each = tf.unstack(tf.shape(rows, out_type=tf.int64))
    flat = tf.reshape(tf.cast(rows, tf.int64), [-1])
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=tf.stack([tf.repeat(tf.range(n), each), flat], axis=1),
        values=tf.ones_like(flat, tf.float32),
        dense_shape=[n, count],
    )
    return Choice(matrix, tf.raw_ops.SparseMatrixTranspose(input=matrix, type=tf.float32))


def dense(gradient: Any, variable: Any) -> Any:
    """Return a gradient, a tensor or what TensorFlow slices, in its variable's shape."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows = gradient.indices[:, None]
    return choose(rows, variable.shape[0]).gradient(gradient.values)
