"""The ranker: scores a customer with each of its candidates."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from recsys.models.towers import build_chain


class PairRanker(keras.layers.Layer):  # type: ignore[misc]
    """Dense + ReLU over a customer, an article and what they have in common; one logit a pair.

    The first Dense layer over the concatenation [customer, article, pair] is a sum of three Dense
    layers. Kept apart, the first two are computed once for a customer and once for an article, not
    for each of the hundreds of millions of pairs of a night.
    """

    def __init__(
        self,
        *,
        customer_inputs: int,
        article_inputs: int,
        pair_inputs: int,
        units: Sequence[int],
        policy: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=policy, **kwargs)
        first, *others = units
        dense = keras.layers.Dense
        self.customer_part = dense(first, dtype=policy)
        self.article_part = dense(first, use_bias=False, dtype=policy)
        self.pair_part = dense(first, use_bias=False, dtype=policy)
        self.hidden = [dense(width, activation="relu", dtype=policy) for width in others]
        self.output_logit = dense(1, dtype=policy)
        self.customer_part.build((None, customer_inputs))
        self.article_part.build((None, article_inputs))
        self.pair_part.build((None, pair_inputs))
        build_chain([*self.hidden, self.output_logit], first)
        self.built = True

    def call(self, customer_part: Any, article_part: Any, pairs: Any) -> Any:
        """Return logits float32 [n, m].

        customer_part [n, first] and article_part [n, m, first] are what the two layers of those
        names made; pairs [n, m, pair_inputs].
        """
        hidden = ops.relu(ops.expand_dims(customer_part, 1) + article_part + self.pair_part(pairs))
        for layer in self.hidden:
            hidden = layer(hidden)
        return ops.cast(ops.squeeze(self.output_logit(hidden), -1), "float32")
