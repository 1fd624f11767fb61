"""Adam in one compiled call, and the mean of several devices' gradients."""

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
        """Move the variables by their gradients, each of the variable's shape."""
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


def mean(parts: Sequence[Any], weights: Sequence[Any]) -> Any:
    """Return the weighted mean of tensors of one shape, one of each device."""
    if len(parts) == 1:
        return parts[0]
    weighted = [part * weight for part, weight in zip(parts, weights, strict=True)]
    return tf.add_n(weighted) / tf.add_n(list(weights))
