"""The report's figures and its page."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from recsys.evaluation.judge import Outcome
from recsys.evaluation.page import bars, curves, lengths, render, verdict
from recsys.evaluation.report import build_report, headline, summarise, with_rival

CATALOGUE = np.array([2, 3, 4, 5], np.int32)
#: With one more of each they are 1, 1, 16, 8, 4 and 2 of 32.
SALES = np.array([0, 0, 15, 7, 3, 1], np.float32)


def outcome() -> Outcome:
    """Twelve customers: the model hits at rank 1 for the first nine, popularity for the last
    three; the last customer bought nothing that counts."""
    model, popular = np.zeros((12, 2), bool), np.zeros((12, 2), bool)
    model[:9, 0] = True
    popular[9:, 0] = True
    lists = {name: np.tile(np.array([2, 3], np.int32), (12, 1)) for name in ("a", "b")}
    lists["a"][0] = [4, 5]
    relevant = np.ones(12, np.int64)
    relevant[11] = 0
    return Outcome(
        lists={"model": lists["a"], "popular_7d": lists["b"]},
        hits={"model": model, "popular_7d": popular},
        relevant=relevant,
        offered={"towers": model[:, 0].astype(np.int64), "any source": relevant},
        segments={"activity": np.array(["warm"] * 6 + ["cold"] * 4 + ["new"] * 2)},
    )


def make_report(part: dict[str, Any], champion: str | None = None, *, k: int = 2) -> dict[str, Any]:
    """The report of a version whose modes came out the same."""
    return build_report(
        {"all": part, "novel": part},
        version="2020-09-23-0a1b2c3d",
        champion=champion,
        test_cutoffs=["2020-09-09", "2020-09-16"],
        k=k,
        customers=12,
        samples=200,
        pairs={"pairs": 10, "auc": 0.9, "precision": 0.5, "recall": 0.75, "threshold": 0.4},
        rankers={"novel": "trees", "all": "network"},
        columns={"novel": {"copurchase_rank": 0.625, "tower": 0.375}},
        ablations={},
        history=[
            {"epoch": 1, "loss": 3.0, "ndcg_at_12": 0.01},
            {"epoch": 2, "loss": 2.0, "ndcg_at_12": 0.03},
            {"epoch": 3, "loss": 1.0, "ndcg_at_12": 0.02},
        ],
    )


@pytest.fixture
def report() -> dict[str, Any]:
    return make_report(
        summarise(outcome(), k=2, samples=200, seed=1, catalogue=CATALOGUE, sales=SALES)
    )


def test_means_are_over_customers_whose_purchases_count(report: dict[str, Any]) -> None:
    methods = report["modes"]["novel"]

    assert report["details"]["novel"]["customers"] == 11
    assert methods["model"]["map_at_2"]["mean"] == pytest.approx(9 / 11)
    assert methods["model"]["precision_at_2"]["mean"] == pytest.approx(9 / 22)
    assert methods["popular_7d"]["recall_at_2"]["mean"] == pytest.approx(2 / 11)
    assert set(methods["model"]) == {
        "map_at_2", "ndcg_at_2", "precision_at_2", "recall_at_2", "hit_rate_at_2",
    }  # fmt: skip


def test_the_difference_is_paired(report: dict[str, Any]) -> None:
    difference = report["details"]["novel"]["model_minus"]["popular_7d"]["map_at_2"]

    assert difference["mean"] == pytest.approx(7 / 11)
    assert 0 < difference["low"] < 7 / 11 < difference["high"] <= 1


def of_champion(hits: int) -> Outcome:
    """The outcome of another model, which hits at rank 1 for the first customers."""
    found = outcome()
    found.hits["model"][:] = False
    found.hits["model"][:hits, 0] = True
    return found


def test_the_champion_is_one_more_method_over_the_same_customers() -> None:
    both = with_rival(outcome(), "champion", of_champion(hits=8))
    part = summarise(both, k=2, samples=200, seed=1, catalogue=CATALOGUE, sales=SALES)

    assert list(part["methods"]) == ["model", "popular_7d", "champion"]
    assert part["methods"]["champion"]["ndcg_at_2"]["mean"] == pytest.approx(8 / 11)
    difference = part["model_minus"]["champion"]["ndcg_at_2"]
    # They differ for one customer: the interval is far narrower than that of two separate draws.
    assert difference["mean"] == pytest.approx(1 / 11)
    assert difference["low"] == 0
    assert difference["high"] <= 4 / 11
    same = summarise(
        with_rival(outcome(), "champion", outcome()),
        k=2,
        samples=200,
        seed=1,
        catalogue=CATALOGUE,
        sales=SALES,
    )
    assert same["model_minus"]["champion"]["ndcg_at_2"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_a_comparison_of_other_customers_is_refused() -> None:
    other = outcome()
    other.relevant[0] = 2
    with pytest.raises(ValueError, match="the same customers"):
        with_rival(outcome(), "champion", other)


def test_the_page_shows_the_champion() -> None:
    both = with_rival(outcome(), "champion", of_champion(hits=1))
    part = summarise(both, k=2, samples=200, seed=1, catalogue=CATALOGUE, sales=SALES)
    page = render(make_report(part, champion="v<7>"))

    for text in ("Beats the champion", "The champion is v&lt;7&gt;", "NDCG@2 +0.7273 (+800 %)"):
        assert text in page
    assert "<td>Champion</td>" in page


def test_lists_segments_and_candidates(report: dict[str, Any]) -> None:
    details = report["details"]["all"]

    assert details["lists"]["model"]["coverage"] == 1.0
    assert details["lists"]["popular_7d"] == {"coverage": 0.5, "gini": 0.5, "novelty": 1.5}
    # Ten lists of 1 and 2 bits, and one of 3 and 4.
    assert details["lists"]["model"]["novelty"] == pytest.approx(37 / 22)
    assert details["candidate_recall"] == {
        "towers": pytest.approx(9 / 11), "any source": 1.0,
    }  # fmt: skip
    # Four cold and one new customer are too few to say anything of.
    assert [(row["name"], row["customers"]) for row in details["segments"]] == [("warm", 6)]
    assert details["segments"][0]["model"]["map_at_2"] == 1.0


def test_the_headline_is_of_new_articles(report: dict[str, Any]) -> None:
    assert headline(report) == {
        "map_at_2": pytest.approx(9 / 11),
        "ndcg_at_2": pytest.approx(9 / 11),
        "recall_at_2": pytest.approx(9 / 11),
        "baseline_map_at_2": pytest.approx(2 / 11),
        "baseline_ndcg_at_2": pytest.approx(2 / 11),
        "baseline_recall_at_2": pytest.approx(2 / 11),
        "auc": 0.9,
    }


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.003, "Beats popularity"),
        (-0.001, 0.003, "No clear difference from popularity"),
        (-0.003, -0.001, "Loses to popularity"),
    ],
)
def test_the_verdict_needs_the_whole_interval(
    report: dict[str, Any], low: float, high: float, word: str
) -> None:
    report["details"]["novel"]["model_minus"]["popular_7d"]["map_at_2"] = {
        "mean": 0.002, "low": low, "high": high,
    }  # fmt: skip

    found = verdict(report, "novel")

    assert found["word"] == word
    assert found["sentence"].startswith("MAP@2 +0.0020 (+1 %), 95 % interval")


def test_bars_are_shares_of_the_widest_interval(report: dict[str, Any]) -> None:
    first, second = bars(report, "all")

    assert (first["label"], second["label"]) == ("This model", "Popular last week")
    assert first["high"] == 100
    assert second["mean"] == pytest.approx(first["mean"] * 2 / 9, abs=0.02)


def uneven() -> Outcome:
    """Three customers, who bought 1, 2 and 3 articles; the model hits at ranks 2, 1 and 3, and 2
    and 3; popularity at rank 3, for the first."""
    model = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 1]], bool)
    popular = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
    lists = np.tile(np.array([2, 3, 4], np.int32), (3, 1))
    return Outcome(
        lists={"model": lists, "popular_7d": lists, "repurchase": lists},
        hits={"model": model, "popular_7d": popular, "repurchase": ~(model | True)},
        relevant=np.array([1, 2, 3]),
        offered={},
        segments={},
    )


def test_metrics_at_every_length() -> None:
    part = summarise(uneven(), k=3, samples=20, seed=1, catalogue=CATALOGUE, sales=SALES)
    model, discount = part["at_each_k"]["model"], 1 / np.log2(3)

    assert set(part["at_each_k"]) == {"model", "popular_7d", "repurchase"}
    assert model["precision_at_k"] == pytest.approx([1 / 3, 3 / 6, 5 / 9])
    assert model["recall_at_k"] == pytest.approx([1 / 6, (1 + 1 / 2 + 1 / 3) / 3, 8 / 9])
    assert model["map_at_k"] == pytest.approx(
        [1 / 3, (1 / 2 + 1 / 2 + 1 / 4) / 3, (1 / 2 + 5 / 6 + 7 / 18) / 3]
    )
    ideal = 1 + discount
    assert model["ndcg_at_k"] == pytest.approx(
        [1 / 3, (discount + 1 / ideal + discount / ideal) / 3,
         (discount + 1.5 / ideal + (discount + 0.5) / (ideal + 0.5)) / 3]
    )  # fmt: skip
    assert {len(means) for means in model.values()} == {3}
    for metric, means in model.items():
        name = metric.removesuffix("k") + "3"
        assert means[-1] == pytest.approx(part["methods"]["model"][name]["mean"])


def test_each_drawn_metric_is_beside_the_best_baseline() -> None:
    part = summarise(uneven(), k=3, samples=20, seed=1, catalogue=CATALOGUE, sales=SALES)
    report = make_report(part, k=3)
    charts = lengths(report, "novel")

    assert [chart["name"] for chart in charts] == ["Precision", "Recall", "NDCG", "MAP"]
    assert {chart["baseline"] for chart in charts} == {"Popular last week"}
    # From 3/9 by 3/6 to 5/9 of 5/9, and at rank 3 from nothing to 1/9.
    assert charts[0]["model"] == "0.0,48.0 160.0,12.0 320.0,0.0"
    assert charts[0]["other"] == "0.0,120.0 160.0,120.0 320.0,96.0"
    page = render(report)
    assert page.count('aria-label="Recall by length"') == 2  # once a mode
    assert f'points="{charts[0]["other"]}"' in page


def test_curves_span_their_plot(report: dict[str, Any]) -> None:
    loss, ndcg = curves(report["history"])

    assert (loss["name"], loss["points"]) == ("loss", "0.0,0.0 160.0,60.0 320.0,120.0")
    assert (ndcg["low"], ndcg["high"], ndcg["last"]) == (0.01, 0.03, 0.02)
    assert curves([]) == []


def test_the_page_needs_nothing_from_elsewhere(report: dict[str, Any]) -> None:
    report["version"] = "<script>"
    page = render(report)

    HTMLParser().feed(page)
    assert not re.search(r"https?://|src=|<script|@import|url\(", page)
    assert "&lt;script&gt;" in page
    for text in ("Beats popularity", "New articles", "All purchases", "0.8182", "Training"):
        assert text in page


def test_the_page_says_what_the_trees_look_at(report: dict[str, Any]) -> None:
    page = render(report)

    assert page.count("What the trees look at") == 1  # only one mode has trees
    assert "<span>copurchase rank</span>" in page
    assert "62.5 %" in page
    assert "These lists are ordered by the trees." in page


def test_the_page_says_what_each_source_is_worth(report: dict[str, Any]) -> None:
    assert "What each source is worth" not in render(report)
    gain = {"ndcg_at_2": {"mean": 0.25, "low": 0.125, "high": 0.5}}
    report["details"]["novel"]["gain_of_source"] = {"taste": gain}

    page = render(report)

    assert page.count("What each source is worth") == 1
    assert "<td>Favourite kinds</td>" in page
    assert '<td class="up">+0.2500<small>+0.1250 \u2013 +0.5000</small></td>' in page


def test_the_page_shows_networks_without_something(report: dict[str, Any]) -> None:
    assert "What the network is worth without" not in render(report)
    whole = {"towers_recall": 0.125, "ndcg_at_12": 0.0625, "auc": 0.875, "precision": 0.5}
    report["ablations"] = {"nothing": whole, "history": whole | {"auc": 0.75}}

    page = render(report)

    assert '<tr class="model"><td>Nothing</td><td>0.1250</td><td>0.0625</td><td>0.8750</td>' in page
    row = "<td>The customer tower&#39;s history</td><td>0.1250</td><td>0.0625</td><td>0.7500</td>"
    assert row in page
