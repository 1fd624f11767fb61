"""The gate, by its numbers."""

import pytest

from recsys.errors import DataError
from recsys.serving.promotion import Difference, Result, judge, read_result

AHEAD, EQUAL = Difference(0.01, 0.008, 0.012), Difference(0.0, -0.001, 0.001)
BEHIND = Difference(-0.002, -0.003, -0.001)
BASELINES = dict.fromkeys(("popular_7d", "popular_by_age", "repurchase", "copurchase"), AHEAD)
MEASURE = "ndcg_at_12 of 20,000 customers, 95 % intervals of 1,000 resamples"


def result(minus=None, *, against="old"):
    return Result("new", "ndcg_at_12", against, minus or BASELINES, 20_000, 1000)


def beside(champion, **baselines):
    return result(BASELINES | baselines | {"champion": champion})


def report(**changes):
    estimate = {"mean": 0.25, "low": 0.125, "high": 0.5}
    unknown = dict.fromkeys(("mean", "low", "high"))
    details = {
        mode: {"customers": customers, "model_minus": {n: {"ndcg_at_12": found} for n in BASELINES}}
        for mode, customers, found in (("all", 9, unknown), ("novel", 7, estimate))
    }
    found = {"version": "v1", "champion": None, "k": 12, "samples": 50, "details": details}
    return found | changes


def test_reads_the_mode_that_is_asked_for():
    minus = dict.fromkeys(BASELINES, Difference(0.25, 0.125, 0.5))
    found = read_result(report(), mode="novel")
    assert found == Result("v1", "ndcg_at_12", None, minus, 7, 50)
    assert found.faults == []
    unmeasured = read_result(report(), mode="all")
    assert (unmeasured.customers, str(unmeasured.minus["popular_7d"].mean)) == (9, "nan")
    assert unmeasured.faults == ["not measured: nobody bought anything that counts"]


@pytest.mark.parametrize("change", [{"details": {}}, {"k": 10}, {"details": None}, {"k": None}])
def test_a_report_that_lacks_the_metric(change):
    with pytest.raises(DataError, match="run evaluate again"):
        read_result(report(**change), mode="novel")


def test_the_first_version_becomes_champion_with_a_warning_if_it_is_poor():
    good = judge(result(against=None), None)
    reason = f"ahead of each baseline; no champion to compare with; {MEASURE}"
    assert (good.promoted, good.reason) == (True, reason)
    minus = BASELINES | {"popular_7d": EQUAL, "repurchase": BEHIND}
    poor = judge(result(minus, against=None), None)
    assert poor.promoted
    assert poor.reason == (
        "WARNING, not ahead of popular_7d: +0.0000 (-0.0010 to +0.0010);"
        " not ahead of repurchase: -0.0020 (-0.0030 to -0.0010);"
        f" no champion to compare with; {MEASURE}"
    )


@pytest.mark.parametrize(
    ("high", "promoted"), [(0.0001, True), (0.0, True), (-0.0001, False), (-0.001, False)]
)
def test_only_a_whole_interval_below_zero_is_behind_the_champion(high, promoted):
    decision = judge(beside(Difference(-0.002, -0.003, high)), "old")
    assert decision.promoted is promoted
    figures = f"-0.0020 (-0.0030 to {high:+.4f}); {MEASURE}"
    beginning = "ahead of each baseline; not behind" if promoted else "behind"
    assert decision.reason == f"{beginning} champion old: {figures}"


def test_a_baseline_that_is_not_beaten_refuses_also_what_beats_the_champion():
    decision = judge(beside(AHEAD, popular_by_age=EQUAL), "old")
    assert not decision.promoted
    assert decision.reason == (
        f"not ahead of popular_by_age: +0.0000 (-0.0010 to +0.0010); {MEASURE}"
    )


def test_factors_are_a_baseline_where_they_were_judged():
    decision = judge(beside(AHEAD, als=BEHIND), "old")
    assert not decision.promoted
    assert decision.reason.startswith("not ahead of als: -0.0020")


def test_a_method_that_is_no_baseline_need_not_be_beaten():
    assert judge(beside(AHEAD, its_other_ranker=BEHIND), "old").promoted


def test_every_fault_is_named():
    decision = judge(beside(BEHIND, repurchase=BEHIND), "old")
    assert not decision.promoted
    assert decision.reason == (
        "behind champion old: -0.0020 (-0.0030 to -0.0010);"
        f" not ahead of repurchase: -0.0020 (-0.0030 to -0.0010); {MEASURE}"
    )


def test_what_was_not_measured_never_replaces_what_serves():
    unknown = Difference(float("nan"), float("nan"), float("nan"))
    minus = dict.fromkeys([*BASELINES, "champion"], unknown)
    refused = judge(result(minus), "old")
    assert not refused.promoted
    assert refused.reason.startswith("not measured: nobody bought anything that counts; ")
    first = judge(result(minus, against=None), None)
    assert first.promoted
    assert first.reason.startswith("WARNING, not measured")


@pytest.mark.parametrize(("against", "named"), [("older", "older"), (None, "no champion")])
def test_an_evaluation_beside_another_version_decides_nothing(against, named):
    with pytest.raises(DataError) as raised:
        judge(result(BASELINES | {"champion": AHEAD}, against=against), "old")
    assert str(raised.value) == (
        f"new was evaluated beside {named}, and old is champion now:"
        " run evaluate --model-version new again"
    )
