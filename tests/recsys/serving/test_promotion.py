"""The gate, by its numbers."""

import pytest

from recsys.config import PromotionConfig
from recsys.errors import DataError
from recsys.serving.promotion import Result, judge, read_result

SETTINGS = PromotionConfig()  # two per cent


def result(model, popularity=0.010, *, version="new", cutoff="2020-09-08"):
    return Result(version, cutoff, "ndcg_at_12", model, popularity)


def report(**changes):
    def of(value):
        return {"ndcg_at_12": {"mean": value, "low": value, "high": value}}

    return {
        "version": "v1",
        "test_cutoff": "2020-09-08",
        "k": 12,
        "modes": {
            "all": {"model": of(0.5), "popular_7d": of(0.4)},
            "novel": {"model": of(0.3), "popular_7d": of(0.2)},
        },
    } | changes


def test_reads_the_mode_that_is_asked_for():
    assert read_result(report(), mode="novel") == Result("v1", "2020-09-08", "ndcg_at_12", 0.3, 0.2)
    assert read_result(report(), mode="all").model == 0.5


@pytest.mark.parametrize("change", [{"modes": {}}, {"k": 10}, {"modes": None}])
def test_a_report_that_lacks_the_metric(change):
    with pytest.raises(DataError, match="run evaluate again"):
        read_result(report(**change), mode="novel")


def test_the_first_version_becomes_champion_with_a_warning_if_it_is_poor():
    good = judge(result(0.020), None, SETTINGS)
    assert (good.promoted, good.reason) == (
        True,
        "the first version of its source (ndcg_at_12 0.0200, last-week popularity 0.0100)",
    )
    poor = judge(result(0.009), None, SETTINGS)
    assert poor.promoted
    assert poor.reason.startswith("WARNING, behind last-week popularity: the first version")


def test_what_was_not_measured_never_replaces_what_was():
    none, some = result(float("nan")), result(0.02, version="old")
    assert judge(none, None, SETTINGS).reason.startswith("WARNING, not measured: the first version")
    refused = judge(none, some, SETTINGS)
    assert (refused.promoted, refused.reason) == (
        False,
        "not measured: nobody bought anything on 2020-09-08",
    )
    assert judge(some, none, SETTINGS).promoted
    nulls = {"model": {"ndcg_at_12": {"mean": None}}, "popular_7d": {"ndcg_at_12": {"mean": 0.1}}}
    assert not read_result(report(modes={"novel": nulls}), mode="novel").is_measured


@pytest.mark.parametrize(
    ("new", "promoted"), [(0.0300, True), (0.0200, True), (0.0196, True), (0.0195, False)]
)
def test_the_same_test_compares_ndcg(new, promoted):
    decision = judge(result(new), result(0.0200, version="old"), SETTINGS)
    assert decision.promoted is promoted
    ending = "within 2% of it or better" if promoted else "more than 2% behind"
    assert decision.reason == f"ndcg_at_12 {new:.4f}, champion old 0.0200: {ending}"


def test_falling_behind_popularity_is_refused_where_the_champion_is_ahead():
    new, ahead = result(0.0099), result(0.0100, 0.0100, version="old")
    decision = judge(new, ahead, PromotionConfig(tolerance=0.5))
    assert not decision.promoted
    assert decision.reason == (
        "behind last-week popularity (ndcg_at_12 0.0099, last-week popularity 0.0100),"
        " which champion old is not"
    )
    both_behind = judge(new, result(0.0099, 0.0100, version="old"), SETTINGS)
    assert both_behind.promoted


def test_other_test_days_compare_the_lift_over_popularity():
    # A harder week: half of everything, and the same lift of 100 %.
    champion = result(0.020, 0.010, version="old")
    harder = judge(result(0.010, 0.005, cutoff="2020-09-15"), champion, SETTINGS)
    assert harder.promoted
    assert harder.reason == (
        "ndcg_at_12 +100.0% against last-week popularity on 2020-09-15,"
        " champion old +100.0% on 2020-09-08: within 2% of it or better"
    )
    easier = judge(result(0.030, 0.020, cutoff="2020-09-15"), champion, SETTINGS)
    assert not easier.promoted
