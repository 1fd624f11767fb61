"""Histograms, and the PSI against an independent computation."""

import math

import numpy as np
import pyarrow as pa
import pytest

from recsys.checks.drift import build_histogram, check_drift, count_into, population_stability
from recsys.checks.result import Histogram
from recsys.config import DriftConfig, Limits

CONFIG = DriftConfig(bins=4, categories=2, least_rows=100)


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def normal(mean: float, rows: int = 5000) -> pa.ChunkedArray:
    return pa.chunked_array([np.random.default_rng(1).normal(mean, 1, rows)])


def test_numbers_are_binned_by_their_quantiles() -> None:
    found = build_histogram(column(1, 2, 3, 4, 5, 6, 7, 8, None), CONFIG)
    assert found == Histogram((2, 2, 2, 2, 1), edges=(2.0, 4.0, 6.0))


def test_a_value_that_fills_several_bins_has_one() -> None:
    assert build_histogram(column(0, 0, 0, 0, 0, 0, 0, 9), CONFIG) == Histogram(
        (7, 1, 0), edges=(0.0,)
    )


def test_a_column_of_nothing_but_nulls() -> None:
    nothing = pa.chunked_array([pa.array([None, float("nan")], pa.float32())])
    assert build_histogram(nothing, CONFIG) == Histogram((0, 2), edges=())


def test_categories_by_frequency_then_name_and_the_rest_as_one() -> None:
    found = build_histogram(column("b", "a", "c", "c", "d", None), CONFIG)
    assert found == Histogram((2, 1, 2, 1), categories=("c", "a"))
    flags = build_histogram(column(True, False, True), CONFIG)
    assert flags == Histogram((2, 1, 0, 0), categories=("true", "false"))


def test_another_night_is_counted_into_the_same_bins() -> None:
    bins = Histogram((2, 2, 2, 0), edges=(2.0, 4.0))
    assert count_into(column(2, 2.5, 100, None), bins).counts == (1, 1, 1, 1)
    names = Histogram((2, 1, 0, 0), categories=("a", "b"))
    assert count_into(column("b", "new", None), names).counts == (0, 1, 1, 1)


def test_the_psi_is_the_sum_over_bins() -> None:
    before, now = Histogram((50, 30, 20), edges=(0.0,)), Histogram((20, 30, 50), edges=(0.0,))
    assert population_stability(before, now) == pytest.approx(2 * 0.3 * math.log(2.5))
    assert population_stability(before, before) == 0
    scaled = Histogram((500, 300, 200), edges=(0.0,))
    assert population_stability(before, scaled) == 0


def test_an_empty_bin_is_far_but_not_infinite() -> None:
    before, now = Histogram((100, 0), edges=()), Histogram((50, 50), edges=())
    assert 1 < population_stability(before, now) < 10


def test_the_same_values_do_not_drift() -> None:
    before = build_histogram(normal(0), CONFIG)
    drift = check_drift("features.articles", "sales", normal(0), before, CONFIG)
    assert (drift.check.status, drift.check.value) == ("ok", 0)


def test_shifted_values_are_a_warning_and_carry_their_own_bins() -> None:
    before = build_histogram(normal(0), CONFIG)
    drift = check_drift("features.articles", "sales", normal(1), before, CONFIG)
    assert drift.check.status == "warning"
    assert drift.check.value is not None and 0.5 < drift.check.value < 1.5
    assert drift.check.histogram == build_histogram(normal(1), CONFIG)
    assert (drift.before, drift.now.edges) == (before, before.edges)


def test_nulls_that_were_none_before_are_a_drift() -> None:
    before = build_histogram(column(*["a", "b"] * 100), CONFIG)
    drift = check_drift("f", "c", column(*["a", "b", None] * 70), before, CONFIG)
    assert drift.check.status == "warning"


def test_a_breach_is_a_matter_of_configuration() -> None:
    strict = CONFIG.model_copy(update={"psi": Limits.at_most(warning=0.1, breach=0.25)})
    before = build_histogram(normal(0), strict)
    assert check_drift("f", "n", normal(1), before, strict).check.status == "breach"


def test_few_rows_are_not_judged() -> None:
    before = build_histogram(normal(0, 99), CONFIG)
    check = check_drift("f", "n", normal(5), before, CONFIG).check
    assert (check.status, check.value) == ("ok", None)
    assert check.message == "f.n: not judged: 99 rows, and checks.drift.least_rows is 100"


@pytest.mark.parametrize("before", [None, Histogram((1, 0, 0), categories=("a",))])
def test_the_first_night_and_a_retyped_column_have_nothing_to_compare_with(
    before: Histogram | None,
) -> None:
    drift = check_drift("f", "n", normal(0), before, CONFIG)
    assert (drift.check.status, drift.check.value, drift.before) == ("ok", None, None)
    assert drift.check.histogram is not None
