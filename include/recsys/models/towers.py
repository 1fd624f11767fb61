"""Layers of the two towers: categories, history, and the way into the common space."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

#: Starting half-lives of the history's weights; training moves them.
HALF_LIVES_DAYS = (7.0, 90.0)
#: After so many half-lives a purchase weighs 1e-18: less would be so small (a denormal number) in
#: gradients that processors calculate it a hundred times more slowly.
MOST_HALF_LIVES = 60.0


class CategoryEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Sum of one embedding for each category: codes int32 [..., C] -> [..., width].

    All categories share one table, each with rows of its own. Code 0 (unknown) is a learned row.
    A sum, not a concatenation, so that pooling a history is one weighted mean.
    """

    def __init__(self, sizes: Sequence[int], width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        self.starts = ops.convert_to_tensor(starts, "int32")
        self.table = self.add_weight(
            (sum(sizes), width), initializer=keras.initializers.RandomNormal(stddev=0.05)
        )
        self.built = True

    def call(self, codes: Any) -> Any:
        """Return float32 [..., width]."""
        return ops.sum(ops.take(self.table, self.rows(codes), axis=0), axis=-2)

    def rows(self, codes: Any) -> Any:
        """Return the table's row of each code, int32 [..., C]."""
        return codes + self.starts


class HistoryPooling(keras.layers.Layer):  # type: ignore[misc]
    """Recency-weighted means of what a customer bought, one for each of H half-lives.

    A purchase weighs log(1 + pieces) * 2 ** (-days / half-life), half-lives being learned.
    """

    def __init__(self, half_lives_days: Sequence[float] = HALF_LIVES_DAYS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Logs keep the learned half-lives positive, and Adam's steps relative.
        logs = ops.log(ops.convert_to_tensor(half_lives_days, "float32"))
        self.log_half_lives = self.add_weight(
            (len(half_lives_days),), initializer=lambda shape, dtype: ops.cast(logs, dtype)
        )
        self.built = True

    def call(self, contents: Any, is_real: Any, days: Any, quantities: Any) -> Any:
        """Return [n, H * width] of contents [n, L, width]; an empty history is all zero.

        is_real bool [n, L] is False on padding, whose days and quantities do not count.
        """
        ages = ops.where(is_real, days, 0.0)[:, None, :]
        halved = ops.minimum(ages / ops.exp(self.log_half_lives)[None, :, None], MOST_HALF_LIVES)
        decay = ops.exp(-math.log(2) * halved)
        pieces = ops.where(is_real, ops.log1p(ops.maximum(quantities, 0.0)), 0.0)
        weights = decay * pieces[:, None, :]
        weights /= ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1e-9)
        pooled = ops.matmul(weights, contents)
        return ops.reshape(pooled, (-1, pooled.shape[1] * pooled.shape[2]))


class Tower(keras.layers.Layer):  # type: ignore[misc]
    """Dense + ReLU + LayerNormalization, then Dense into `dim`, scaled to length 1.

    [n, inputs] -> float32 [n, dim]. Unit vectors make the dot product a cosine, the same for
    retrieval, for similar articles and for approximate indexes.
    """

    def __init__(
        self, inputs: int, units: Sequence[int], dim: int, *, policy: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        layers = keras.layers
        self.hidden = [
            layer
            for width in units
            for layer in (
                layers.Dense(width, activation="relu", dtype=policy),
                layers.LayerNormalization(dtype=policy),
            )
        ]
        self.projection = layers.Dense(dim, dtype=policy)
        build_chain([*self.hidden, self.projection], inputs)
        self.built = True

    def call(self, features: Any) -> Any:
        """Return unit vectors float32 [n, dim]."""
        for layer in self.hidden:
            features = layer(features)
        return ops.normalize(ops.cast(self.projection(features), "float32"), axis=-1)


def build_chain(layers: Sequence[Any], inputs: int) -> None:
    """Build layers that follow each other, so that their weights exist before any data."""
    shape: tuple[int | None, ...] = (None, inputs)
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
