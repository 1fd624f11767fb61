"""Trees' scores by tests without an order, beside LightGBM's own."""

from itertools import pairwise

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from recsys.models.forest import SPAN, Forest
from recsys.models.forest_kernel import BLOCK, SIDE

Floats = NDArray[np.float32]


def _features(rows: int, *, missing: float, seed: int = 0) -> Floats:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 6)).astype(np.float32).round(1)
    features[generator.random(features.shape) < missing] = np.nan
    return features


def _booster(features: Floats, *, leaves: int, objective: str = "regression") -> lgb.Booster:
    wanted = np.nan_to_num(features[:, 0], nan=2) * np.nan_to_num(features[:, 1], nan=-1)
    parameters = {
        "objective": objective,
        "num_leaves": leaves,
        "min_data_in_leaf": 5,
        "verbosity": -1,
    }
    labels = (wanted > 0).astype(np.float32) if objective == "binary" else wanted
    return lgb.train(parameters, lgb.Dataset(features, labels), 20)


@pytest.mark.parametrize("leaves", [2, 15, 16, 17, 64])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_scores_are_those_of_lightgbm_to_the_last_bit(leaves: int, missing: float) -> None:
    booster = _booster(_features(3000, missing=missing), leaves=leaves)
    # NaN also where training saw none, values on a bound, and infinite ones.
    features = _features(2 * BLOCK + 7, missing=0.3, seed=1)
    features[:9, :3] = np.array([[np.inf], [-np.inf], [0.0]]).repeat(3, axis=0)
    wanted = booster.predict(features, raw_score=True)
    found = Forest.of(booster).score(features)
    np.testing.assert_array_equal(found, wanted)
    assert len(np.unique(found)) >= leaves


def test_a_value_on_a_bound_passes_and_the_next_one_fails() -> None:
    booster = _booster(_features(3000, missing=0), leaves=15)
    forest = Forest.of(booster)
    generator = np.random.default_rng(4)
    features = np.zeros((500, 6), np.float32)
    for column, (start, end) in enumerate(pairwise(forest.cut_offsets)):
        on = generator.choice([*forest.cuts[start:end], np.float32(0)], 500)
        next_one = np.nextafter(on, np.float32(np.inf))
        features[:, column] = np.where(generator.random(500) < 0.5, on, next_one)
    # LightGBM itself takes such small values for zero.
    features[np.abs(features) < 1e-30] = 0
    wanted = booster.predict(features, raw_score=True)
    np.testing.assert_array_equal(forest.score(features), wanted)


@pytest.mark.parametrize("rows", [0, 1, SIDE - 1, SIDE, SIDE + 1, BLOCK + SIDE, BLOCK + SIDE + 1])
def test_any_number_of_rows_has_its_scores(rows: int) -> None:
    boosters = [
        _booster(_features(1000, missing=0.1, seed=seed), leaves=leaves)
        for seed, leaves in ((1, 5), (2, 16))
    ]
    features = _features(rows, missing=0.2, seed=3)
    wanted = sum(
        (booster.predict(features, raw_score=True) for booster in boosters if rows), np.zeros(rows)
    )
    np.testing.assert_allclose(Forest.of(*boosters).score(features), wanted / 2, rtol=1e-12)


def test_rows_of_all_threads_come_out_in_order() -> None:
    booster = _booster(_features(500, missing=0.1), leaves=7)
    features = np.asfortranarray(_features(2 * SPAN + 3, missing=0.1, seed=2))
    found = Forest.of(booster).score(features)
    np.testing.assert_array_equal(found, booster.predict(features, raw_score=True))


def test_a_tree_that_could_not_grow_is_its_only_leaf() -> None:
    features = _features(100, missing=0)
    parameters = {"objective": "regression", "min_data_in_leaf": 100, "verbosity": -1}
    booster = lgb.train(parameters, lgb.Dataset(features, np.full(100, 3.0)), 2)
    np.testing.assert_array_equal(
        Forest.of(booster).score(features), booster.predict(features, raw_score=True)
    )


def test_more_leaves_than_bits_are_refused() -> None:
    booster = _booster(_features(3000, missing=0), leaves=70)
    with pytest.raises(AssertionError, match="leaves, at most 64 fit"):
        Forest.of(booster)
