"""The page: what it shows, and that it needs nothing else."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pyarrow as pa

from recsys.checks.drift import check_drift
from recsys.checks.page import day_bars, feature_bars, render
from recsys.checks.profile import Days
from recsys.checks.result import Histogram, judge
from recsys.checks.rules import Account
from recsys.config import DailyRowsConfig, DriftConfig, Limits

UNTIL = date(2020, 9, 23)
CONFIG = DailyRowsConfig(latest_days=1, median_days=7, least_days=2)


def some_days() -> Days:
    days = Days()
    for number, count in enumerate([400, 200, 100, 300]):
        days.rows[UNTIL - timedelta(days=4 - number)] = count
    return days


def test_days_are_shares_of_the_highest_bar() -> None:
    bars = day_bars(some_days(), CONFIG, until=UNTIL)
    assert [(b["count"], b["height"], b["median"], b["judged"]) for b in bars] == [
        (400, 100, None, False),
        (200, 50, None, False),
        (100, 25, None, False),
        (300, 75, 50, True),
    ]
    assert day_bars(Days(), CONFIG, until=UNTIL) == []


def test_a_feature_s_bins_are_named_and_stand_beside_those_before() -> None:
    values = pa.chunked_array([pa.array([0.0, 1.0, 1.0, None])])
    config = DriftConfig(bins=2, least_rows=1)
    before = Histogram((3, 1, 0), edges=(0.0,))
    bars = feature_bars(check_drift("features.articles", "sales", values, before, config))
    assert [(b["label"], b["now"], b["before"]) for b in bars["bins"]] == [
        ("to 0", 33.33, 100), ("above 0", 66.67, 33.33), ("null", 33.33, 0),
    ]  # fmt: skip
    first = feature_bars(check_drift("features.articles", "sales", values, None, config))
    assert {b["before"] for b in first["bins"]} == {None}


def test_the_page_says_the_worst_first_and_needs_nothing_from_elsewhere() -> None:
    limits = Limits.at_most(warning=1, breach=2)
    checks = [judge("t", "null_share", n, limits, f"<script> {n}", column="c") for n in (0, 3, 2)]
    page = render(
        checks,
        layer="cleaned",
        run_date=UNTIL,
        accounts=[Account("articles.csv", "cleaned.articles", 12345, 12300, 40, 5)],
        days=day_bars(some_days(), CONFIG, until=UNTIL),
        drifts=[check_drift("f", "n", pa.chunked_array([pa.array([1, 2])]), None, DriftConfig())],
    )
    HTMLParser().feed(page)
    assert not re.search(r"https?://|src=|<script|@import|url\(", page)
    places = [page.index(f"&lt;script&gt; {n}") for n in (3, 2, 0)]
    assert places == sorted(places)
    for text in ("articles.csv", "12,345", "12,300", "2020-09-22: 300", "<b>f.n</b>"):
        assert text in page
    for status in ("ok", "warning", "breach"):
        assert f'<div class="card count {status}">{status}<b>1</b>' in page
