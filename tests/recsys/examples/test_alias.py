import numpy as np
import pytest

from recsys.examples.alias import alias_table


def share_of_each(probability: np.ndarray, alias: np.ndarray) -> np.ndarray:
    """Return how often each place is drawn, exactly."""
    shares = probability / len(alias)
    np.add.at(shares, alias, (1 - probability) / len(alias))
    return shares


def test_one_to_three_is_drawn_one_to_three() -> None:
    probability, alias = alias_table(np.array([1.0, 3.0]))
    assert probability.tolist() == [0.5, 1.0]
    assert alias.tolist() == [1, 1]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_any_weights_are_drawn_in_proportion(size: int) -> None:
    weights = np.random.default_rng(size).lognormal(0, 2, size)
    np.testing.assert_allclose(
        share_of_each(*alias_table(weights)), weights / weights.sum(), rtol=1e-9
    )


def test_a_weight_of_zero_is_never_drawn() -> None:
    assert share_of_each(*alias_table(np.array([0.0, 1.0, 1.0])))[0] == 0


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [np.nan], [np.inf]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights must be finite"):
        alias_table(np.array(weights))
