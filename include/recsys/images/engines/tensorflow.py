"""TensorFlow, on the processor or on one or more GPUs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from recsys.images.engines.engine import padded
from recsys.images.load import SIZE, Pixels
from recsys.images.matrix import FloatArray


class FrozenEngine:
    """The network on the processor, as one graph whose weights are constants.

    oneDNN then joins convolutions with what follows them, and multiplies bfloat16 where it is told.
    """

    def __init__(self, network: Any, *, precision: str, batch_size: int) -> None:
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        self.batch_size = batch_size
        # The setting is of the process, which has no other network.
        is_reduced = precision == "bfloat16"
        tf.config.optimizer.set_experimental_options(
            {"auto_mixed_precision_onednn_bfloat16": is_reduced}
        )
        shape = tf.TensorSpec((batch_size, SIZE, SIZE, 3), tf.uint8)
        call = tf.function(lambda pixels: network(pixels, training=False), input_signature=[shape])
        self._call = convert_variables_to_constants_v2(call.get_concrete_function())

    def embed(self, pixels: Pixels) -> FloatArray:
        """Return the vectors `[n, DIM]` of images `[n, SIZE, SIZE, 3]`, n <= batch_size."""
        import tensorflow as tf

        (vectors,) = self._call(tf.constant(padded(pixels, self.batch_size)))
        return np.asarray(vectors)[: len(pixels)]


class MirroredEngine:
    """The network on every GPU of the machine, each with its part of a batch."""

    def __init__(
        self,
        load: Callable[[], Any],
        *,
        precision: str,
        batch_size: int,
        devices: Sequence[str] | None = None,
    ) -> None:
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            # As it needs it, not all of it at once.
            tf.config.experimental.set_memory_growth(gpu, True)
        self._strategy = tf.distribute.MirroredStrategy(devices)
        self._each = batch_size
        self.batch_size = batch_size * self._strategy.num_replicas_in_sync
        with _policy(precision), self._strategy.scope():
            network = load()
        self._run = tf.function(
            lambda pixels: self._strategy.run(network, args=(pixels,), kwargs={"training": False})
        )

    def embed(self, pixels: Pixels) -> FloatArray:
        """Return the vectors `[n, DIM]` of images `[n, SIZE, SIZE, 3]`, n <= batch_size."""
        import tensorflow as tf

        whole = padded(pixels, self.batch_size)

        def part(context: Any) -> Any:
            start = context.replica_id_in_sync_group * self._each
            return tf.constant(whole[start : start + self._each])

        parts = self._strategy.experimental_distribute_values_from_function(part)
        results = self._strategy.experimental_local_results(self._run(parts))
        vectors = np.concatenate([np.asarray(result, np.float32) for result in results])
        return vectors[: len(pixels)]


@contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Make networks of the block compute in a precision and keep their weights in float32."""
    import keras

    before = keras.config.dtype_policy()
    if precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
