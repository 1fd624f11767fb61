"""Walker's alias method: draws in proportion to weights, at one look-up a draw.

Source: Vose, "A linear algorithm for generating random numbers with a given distribution", 1991.
"""

import numpy as np
import numpy.typing as npt


def alias_table(
    weights: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return `probability` and `alias`, both [n], for weights [n] of any positive sum.

    Draw a place i in [0, n) and u in [0, 1), both uniformly: the draw is i where
    u < probability[i], else alias[i].

    >>> alias_table(np.array([1.0, 3.0]))
    (array([0.5, 1. ]), array([1, 1]))

    Raises:
        ValueError: a weight is negative or not finite, or all are zero.
    """
    if not len(weights) or not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
        raise ValueError("weights must be finite, >= 0 and not all zero")
    probability = weights * len(weights) / weights.sum()
    alias = np.arange(len(weights))
    poor = list(np.flatnonzero(probability < 1))
    rich = list(np.flatnonzero(probability >= 1))
    while poor and rich:
        low, high = poor.pop(), rich[-1]
        alias[low] = high
        probability[high] -= 1 - probability[low]
        if probability[high] < 1:
            poor.append(rich.pop())
    # What is left differs from 1 by rounding only.
    probability[poor + rich] = 1
    return probability, alias
