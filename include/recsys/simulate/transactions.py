"""Purchases: who visits when, and what goes into the basket, week by week."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from recsys.simulate.catalogue import Catalogue, FloatArray, IntArray
from recsys.simulate.choice import Assortment, Memory, Shelf
from recsys.simulate.customers import BoolArray, Customers
from recsys.simulate.plan import Request

#: Rows of one customer on one day: median 2, mean 3.5, 99th percentile 19.
BASKET_LOG_MEAN, BASKET_LOG_DEVIATION = 0.78, 0.95
#: Customers who never bought: 9,699 of 1,371,980.
INACTIVE_SHARE = 0.007
#: A row that is not the first of its basket repeats the one before: 9.4 % of all rows.
COPY_SHARE = 0.112
#: Days of a customer's window for each of their visits.
TYPICAL_GAP_DAYS = 65
#: The most visits one customer may expect, by articles in the catalogue.
VISITS_PER_ARTICLE = 0.05
#: How often a row is drawn again whose product its customer has.
ATTEMPTS = 3
LOOK_SHARE, REPEAT_SHARE, SIBLING_SHARE = 0.20, 0.05, 0.11


@dataclass(frozen=True)
class Visits:
    """One entry a basket, by day and then customer; arrays of one length."""

    customer: IntArray
    day: IntArray  # from 0
    rows: IntArray  # at least 1


@dataclass(frozen=True)
class Rows:
    """Rows of transactions_train.csv, by day and then customer; arrays of one length."""

    day: IntArray
    customer: IntArray
    article: IntArray
    cents: IntArray
    channel: IntArray


def seasonality(request: Request) -> FloatArray:
    """Return each day's relative traffic: May to July is 1.5 times the winter."""
    days = [request.first_date + timedelta(days=at) for at in range(request.days)]
    day_of_year = np.array([day.timetuple().tm_yday for day in days])
    weekday = np.array([day.weekday() for day in days])
    traffic: FloatArray = 1.25 + 0.25 * np.cos(2 * np.pi * (day_of_year - 166) / 365.25)
    traffic *= np.array([0.97, 0.98, 1.0, 1.02, 1.0, 1.03, 1.0])[weekday]
    return traffic


def seasonal_phase(request: Request, week: int) -> float:
    """Return -1 in the middle of January to 1 in the middle of July."""
    middle = request.first_date + timedelta(days=7 * week + 3)
    return float(np.cos(2 * np.pi * (middle.timetuple().tm_yday - 196) / 365.25))


def draw_visits(request: Request, customers: Customers) -> Visits:
    """Return visits whose rows sum to the request's transactions.

    Every active customer has one; the others fall by the customers' activity, so that a third of
    them have one day and the top tenth hold half of the rows.
    """
    rng = request.random("visits")
    first = _active_customers(rng, request, customers)
    mean_rows = np.exp(BASKET_LOG_MEAN + BASKET_LOG_DEVIATION**2 / 2)
    wanted = int(1.15 * request.transactions / mean_rows) + 10
    # Nobody buys a small catalogue empty: a customer's visits are bounded by its size.
    activity = customers.activity[first]
    most = activity.sum() * request.articles * VISITS_PER_ARTICLE / wanted
    ends = np.cumsum(np.minimum(activity, most))
    drawn = rng.random(max(0, wanted - len(first))) * ends[-1]
    extra = first[np.searchsorted(ends, drawn, side="right").clip(max=len(first) - 1)]
    customer = np.concatenate([first, extra])
    rows = _basket_rows(rng, len(customer), at_least=len(first), total=request.transactions)
    customer = customer[: len(rows)]
    day = _days(rng, request, customer, len(customers))
    order = np.lexsort((customer, day))
    return Visits(customer[order], day[order], rows[order])


def _active_customers(rng: np.random.Generator, request: Request, customers: Customers) -> IntArray:
    is_active = rng.random(len(customers)) >= INACTIVE_SHARE
    is_active[0] = True
    active = rng.permutation(np.flatnonzero(is_active))
    return active[: request.transactions]


def _basket_rows(rng: np.random.Generator, n: int, *, at_least: int, total: int) -> IntArray:
    """Return basket sizes that sum to `total`, cut after as many baskets as that takes.

    The first `at_least` baskets are kept whatever their sum, with one row each if need be.
    """
    drawn = np.rint(rng.lognormal(BASKET_LOG_MEAN, BASKET_LOG_DEVIATION, n)).astype(np.int64)
    # What a basket may take leaves one row for each later first visit.
    later = np.maximum(at_least - 1 - np.arange(n), 0)
    ends = np.minimum(np.cumsum(drawn.clip(min=1, max=60)), total - later)
    ends[-1] = total
    rows: IntArray = np.diff(ends, prepend=0)
    return rows[: int(np.searchsorted(ends, total)) + 1]


def _days(rng: np.random.Generator, request: Request, customer: IntArray, n: int) -> IntArray:
    """Return a day for each visit: a customer's lie in one window that grows with their number.

    Windows wrap around the end, which keeps the traffic of every day at its season's.
    """
    season = np.cumsum(seasonality(request))
    visits = np.bincount(customer, minlength=n)
    gap_days = rng.lognormal(np.log(TYPICAL_GAP_DAYS), 0.8, n)
    width = np.minimum(1.0, visits * gap_days / request.days)
    start = rng.random(n)
    place = (start[customer] + width[customer] * rng.random(len(customer))) % 1.0
    days: IntArray = np.searchsorted(season, place * season[-1], side="right").clip(
        max=request.days - 1
    )
    return days


def draw_weeks(request: Request, catalogue: Catalogue, customers: Customers) -> Iterator[Rows]:
    """Yield the purchases of each week in order; the weeks together are the whole file."""
    visits = draw_visits(request, customers)
    assortment = Assortment.build(request, catalogue, customers)
    memory = Memory.empty(len(customers))
    edges = np.searchsorted(visits.day, np.arange(request.weeks + 1) * 7)
    for week in range(request.weeks):
        part = slice(int(edges[week]), int(edges[week + 1]))
        if part.start == part.stop:
            continue
        rng = request.random(f"week {week}")
        shelf = assortment.shelf(week, seasonal_phase(request, week))
        chosen = Visits(visits.customer[part], visits.day[part], visits.rows[part])
        yield _fill_baskets(rng, chosen, shelf, memory)


def _fill_baskets(rng: np.random.Generator, visits: Visits, shelf: Shelf, memory: Memory) -> Rows:
    n = int(visits.rows.sum())
    visit = np.repeat(np.arange(len(visits.rows)), visits.rows)
    customer = visits.customer[visit]
    anchor = (np.cumsum(visits.rows) - visits.rows)[visit]
    is_first = anchor == np.arange(n)
    online = shelf.customers.online[visits.customer]
    channel = np.where(rng.random(len(online)) < online, 2, 1)[visit]
    article = _choose_apart(rng, shelf, memory, customer, channel)
    article = memory.repeat(rng, shelf, customer, article, share=REPEAT_SHARE)
    article = memory.sibling(rng, shelf, customer, article, share=SIBLING_SHARE)
    article = shelf.complete_looks(rng, article, anchor, ~is_first, share=LOOK_SHARE)
    cents = _prices(rng, shelf, article)
    source = _copy_source(rng, is_first)
    memory.remember(customer[source == np.arange(n)], article[source == np.arange(n)])
    return Rows(visits.day[visit], customer, article[source], cents[source], channel)


def _choose_apart(
    rng: np.random.Generator, shelf: Shelf, memory: Memory, customer: IntArray, channel: IntArray
) -> IntArray:
    """Return an article for each row; rows with a product that their customer has try again."""
    article = shelf.choose(rng, customer, memory, is_in_store=channel == 1)
    for _ in range(ATTEMPTS):
        product = shelf.catalogue.product[article]
        pair = customer * (int(shelf.catalogue.product[-1]) + 1) + product
        again = np.ones(len(pair), dtype=bool)
        again[np.unique(pair, return_index=True)[1]] = False
        again |= memory.knows(shelf.catalogue.product, customer, article[:, None])[:, 0]
        rows = np.flatnonzero(again)
        article[rows] = shelf.choose(rng, customer[rows], memory, is_in_store=channel[rows] == 1)
    return article


def _copy_source(rng: np.random.Generator, is_first: BoolArray) -> IntArray:
    """Return for each row the row whose content it has: itself, or an earlier one of its basket."""
    is_copy = ~is_first & (rng.random(len(is_first)) < COPY_SHARE)
    source: IntArray = np.maximum.accumulate(np.where(is_copy, 0, np.arange(len(is_copy))))
    return source


def _prices(rng: np.random.Generator, shelf: Shelf, article: IntArray) -> IntArray:
    """Return what is paid: the full price, a member's discount, or a markdown near the end."""
    n = len(article)
    discount = np.where(rng.random(n) < 0.22, rng.choice([0.05, 0.1, 0.15, 0.2, 0.25], n), 0.0)
    is_ending = shelf.catalogue.end_week[article] - shelf.week <= 4
    is_marked_down = is_ending & (rng.random(n) < 0.5)
    discount = np.where(is_marked_down, rng.uniform(0.2, 0.7, n), discount)
    cents: IntArray = np.rint(shelf.catalogue.cents[article] * (1 - discount)).astype(np.int64)
    return cents.clip(min=10)
