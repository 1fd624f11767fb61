"""What one customer picks: the week's assortment seen through tastes, memory and looks.

A row first draws a few articles from its cluster's assortment by popularity, then takes the one
that suits the customer best (favourite colours and sections, budget), so that a cluster shares
articles and a customer still has a hand of their own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.simulate.catalogue import Catalogue, FloatArray, IntArray
from recsys.simulate.customers import (
    AUDIENCES,
    MASTERS,
    SECTIONS,
    STYLES_PER_AUDIENCE,
    BoolArray,
    Customers,
    cluster_tastes,
    line_attention,
)
from recsys.simulate.plan import Request
from recsys.simulate.vocabulary import COLOURS, LINES

CANDIDATES = 6
COLOUR_BONUS, SECTION_BONUS, BUDGET_SLOPE, STORE_SLOPE = 2.2, 1.6, 0.3, 0.5
#: Against a product bought before: it comes back through memory, at a known rate.
KNOWN_MALUS = 6.0
#: Standard deviation, in logs, of how much clusters differ on an article.
TASTE_SPREAD = 0.8
#: Articles remembered of each customer: as many as fit into the slots, within bounds.
MEMORY_SLOTS, LEAST_REMEMBERED, MOST_REMEMBERED = 1 << 24, 32, 256


@dataclass(frozen=True)
class Assortment:
    """What never changes from week to week."""

    catalogue: Catalogue
    customers: Customers
    affinity: FloatArray  # [clusters, articles]
    master: IntArray  # position in MASTERS of each article
    section: IntArray  # position in SECTIONS of each article
    log_price: FloatArray  # standardised
    look_order: IntArray  # articles, look by look
    product_order: IntArray  # articles, product by product

    @classmethod
    def build(cls, request: Request, catalogue: Catalogue, customers: Customers) -> "Assortment":
        """Return the assortment of a catalogue for its customers."""
        tastes = cluster_tastes(request)
        spread = TASTE_SPREAD / np.sqrt(tastes.shape[1])
        attention = np.array([line_attention(at) for at in range(len(AUDIENCES))])
        by_line = np.repeat(attention, STYLES_PER_AUDIENCE, axis=0)
        affinity = by_line[:, catalogue.line] * np.exp(spread * (tastes @ catalogue.style.T))
        log_price = np.log(catalogue.cents)
        masters = np.array([MASTERS.index(colour.master_id) for colour in COLOURS])
        sections = np.array([SECTIONS.index(line.section_no) for line in LINES])
        return cls(
            catalogue,
            customers,
            affinity=affinity,
            master=masters[catalogue.colour],
            section=sections[catalogue.line],
            log_price=(log_price - log_price.mean()) / (log_price.std() + 1e-9),
            look_order=np.argsort(catalogue.look, kind="stable"),
            product_order=np.argsort(catalogue.product, kind="stable"),
        )

    def shelf(self, week: int, seasonal_phase: float) -> "Shelf":
        """Return what is on sale in a week; a week without any article offers all of them."""
        demand = self.catalogue.demand(week, seasonal_phase)
        if not demand.any():
            demand = self.catalogue.appeal
        on_sale = np.flatnonzero(demand)
        cumulative = np.cumsum(self.affinity[:, on_sale] * demand[on_sale], axis=1)
        cumulative /= cumulative[:, -1:]
        cumulative += np.arange(len(cumulative))[:, None]
        is_on_sale = np.zeros(len(demand), dtype=bool)
        is_on_sale[on_sale] = True
        return Shelf(self, week, on_sale, is_on_sale, cumulative.ravel())


@dataclass(frozen=True)
class Shelf:
    """One week's articles on sale, with each cluster's distribution over them."""

    assortment: Assortment
    week: int
    on_sale: IntArray
    is_on_sale: BoolArray  # [articles]
    cumulative: FloatArray  # [clusters * on sale], cluster c within (c, c + 1]

    @property
    def catalogue(self) -> Catalogue:
        """The articles."""
        return self.assortment.catalogue

    @property
    def customers(self) -> Customers:
        """The customers."""
        return self.assortment.customers

    def choose(
        self,
        rng: np.random.Generator,
        customer: IntArray,
        memory: "Memory",
        *,
        is_in_store: BoolArray,
    ) -> IntArray:
        """Return an article for each row: the best of a few for this customer."""
        cluster = self.customers.cluster[customer]
        drawn = cluster[:, None] + rng.random((len(customer), CANDIDATES))
        place = np.searchsorted(self.cumulative, drawn, side="right")
        last = (cluster[:, None] + 1) * len(self.on_sale) - 1
        articles = self.on_sale[np.minimum(place, last) - cluster[:, None] * len(self.on_sale)]
        score = self._score(customer, articles, is_in_store) + rng.gumbel(size=articles.shape)
        score -= KNOWN_MALUS * memory.knows(self.catalogue.product, customer, articles)
        best: IntArray = articles[np.arange(len(customer)), score.argmax(axis=1)]
        return best

    def _score(self, customer: IntArray, articles: IntArray, in_store: BoolArray) -> FloatArray:
        a, c = self.assortment, self.customers
        likes_colour = (a.master[articles] == c.favourite_masters[customer, :1]) | (
            a.master[articles] == c.favourite_masters[customer, 1:]
        )
        likes_section = (a.section[articles] == c.favourite_sections[customer, :1]) | (
            a.section[articles] == c.favourite_sections[customer, 1:]
        )
        slope = BUDGET_SLOPE * c.budget[customer] + np.where(in_store, -STORE_SLOPE, 0.15)
        score: FloatArray = (
            COLOUR_BONUS * likes_colour
            + SECTION_BONUS * likes_section
            + slope[:, None] * a.log_price[articles]
        )
        return score

    def complete_looks(
        self,
        rng: np.random.Generator,
        article: IntArray,
        anchor: IntArray,
        may_change: BoolArray,
        *,
        share: float,
    ) -> IntArray:
        """Return the rows with some of them replaced by another article of their anchor's look."""
        rows = np.flatnonzero(may_change & (rng.random(len(article)) < share))
        found = _member(rng, self.assortment.look_order, self.catalogue.look, article[anchor[rows]])
        return self._replace(article, rows, found)

    def _replace(self, article: IntArray, rows: IntArray, found: IntArray) -> IntArray:
        """Return the rows with those articles that are found on sale put in."""
        is_good = (found >= 0) & self.is_on_sale[found]
        changed = article.copy()
        changed[rows[is_good]] = found[is_good]
        return changed


@dataclass(frozen=True)
class Memory:
    """The latest articles of every customer, from earlier weeks."""

    articles: npt.NDArray[np.int32]  # [customers, remembered]; -1 nothing yet
    count: npt.NDArray[np.int32]  # ever remembered

    @classmethod
    def empty(cls, customers: int) -> "Memory":
        """Return the memory of customers who bought nothing yet."""
        remembered = max(LEAST_REMEMBERED, min(MOST_REMEMBERED, MEMORY_SLOTS // customers))
        slots = np.full((customers, remembered), -1, dtype=np.int32)
        return cls(slots, np.zeros(customers, dtype=np.int32))

    def knows(self, product: IntArray, customer: IntArray, articles: IntArray) -> BoolArray:
        """Return for `[rows, n]` articles whether the row's customer remembers their product."""
        remembered = self.articles[customer]
        products = np.where(remembered >= 0, product[remembered], -1)
        wanted = product[articles]
        columns = [(products == wanted[:, [at]]).any(axis=1) for at in range(wanted.shape[1])]
        return np.stack(columns, axis=1)

    def repeat(
        self,
        rng: np.random.Generator,
        shelf: Shelf,
        customer: IntArray,
        article: IntArray,
        *,
        share: float,
    ) -> IntArray:
        """Return the rows with some of them replaced by an article bought before."""
        rows = np.flatnonzero(rng.random(len(article)) < share)
        return shelf._replace(article, rows, self._recall(rng, customer[rows]))

    def sibling(
        self,
        rng: np.random.Generator,
        shelf: Shelf,
        customer: IntArray,
        article: IntArray,
        *,
        share: float,
    ) -> IntArray:
        """Return the rows with some of them replaced by a colour of a product bought before."""
        rows = np.flatnonzero(rng.random(len(article)) < share)
        known = self._recall(rng, customer[rows])
        rows, known = rows[known >= 0], known[known >= 0]
        found = _member(rng, shelf.assortment.product_order, shelf.catalogue.product, known)
        return shelf._replace(article, rows, np.where(found == known, -1, found))

    def _recall(self, rng: np.random.Generator, customer: IntArray) -> IntArray:
        filled = np.minimum(self.count[customer], self.articles.shape[1])
        slot = (rng.random(len(customer)) * filled).astype(np.int64)
        return self.articles[customer, slot].astype(np.int64)

    def remember(self, customer: IntArray, article: IntArray) -> None:
        """Add purchases; of one customer's, the later rows push out the oldest."""
        order = np.argsort(customer, kind="stable")
        who, start, number = np.unique(customer[order], return_index=True, return_counts=True)
        rank = np.arange(len(order)) - np.repeat(start, number)
        slot = (self.count[customer[order]] + rank) % self.articles.shape[1]
        self.articles[customer[order], slot] = article[order]
        self.count[who] += number.astype(np.int32)


def _member(
    rng: np.random.Generator, order: IntArray, group: IntArray, article: IntArray
) -> IntArray:
    """Return a random article of each article's group; `order` lists articles group by group."""
    grouped = group[order]
    start = np.searchsorted(grouped, group[article], side="left")
    stop = np.searchsorted(grouped, group[article], side="right")
    members: IntArray = order[start + (rng.random(len(article)) * (stop - start)).astype(np.int64)]
    return members
