"""Training examples of any size, drawn with the skew of H&M's data; nothing in them can be learned.

Skew: the 12 best sellers of a week have 2 % of its sales, the first 100 have 15 %, the first 1,000
half (H&M: 3, 13, 50 %); a tenth of the customers buys half of everything, 3.5 articles a visit; of
105,542 articles 35,000 are on sale at a time, and some 700 come and go each week.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.columns import FIRST_KEY
from recsys.examples import encode
from recsys.examples.encode import Encoder
from recsys.examples.numbers import Number
from recsys.features.rows import TASTES, Catalogue, CustomerRows
from recsys.models.batches import Examples, Positives, collect_examples
from recsys.models.inputs import Snapshot
from recsys.schemas import AGE_BANDS

#: Codes of each category in the full catalogue; of the last two only what sold 20 pieces counts.
ARTICLE_CODES = (130, 19, 30, 50, 8, 20, 299, 10, 57, 21, 34_000, 75_000)
CUSTOMER_CODES = (len(AGE_BANDS), 3, 3, 1, 1)
IMAGE_WIDTH = 256
FIRST_CUTOFF = date(2020, 7, 1)
VISIT_ARTICLES = 3.5


@dataclass(frozen=True)
class Size:
    """How much there is; the defaults are H&M's last 12 weeks.

    customers: all that have features; those who buy are fewer.
    positives: of all snapshots, one snapshot a week.
    """

    customers: int = 1_371_980
    articles: int = 105_542
    positives: int = 3_300_000
    snapshots: int = 12
    history: int = 64
    negatives: int = 4


def draw_examples(size: Size, seed: int = 1) -> tuple[Examples, Encoder, npt.NDArray[np.int32]]:
    """Return examples by the project's own `collect_examples`, pair features included.

    The third one says whose each positive is, by numbers without gaps: int32 [positives].
    """
    world = World(size, np.random.default_rng(seed))
    buyers: list[npt.NDArray[np.int32]] = []

    def blocks() -> Iterator[tuple[Snapshot, Positives]]:
        for snapshot, positives in world.blocks():
            buyers.append(positives.customers)
            yield snapshot, positives

    examples, encoder = collect_examples(blocks(), world.encoder)
    _, numbers = np.unique(np.concatenate(buyers), return_inverse=True)
    return examples, encoder, numbers.astype(np.int32)


@dataclass(frozen=True)
class World:
    """Customers, articles and their purchases, drawn from `random`."""

    size: Size
    random: np.random.Generator

    @cached_property
    def encoder(self) -> Encoder:
        """An encoder whose vocabularies have H&M's sizes, at most one code an article."""
        codes = [min(count, self.size.articles) for count in ARTICLE_CODES]
        return Encoder(
            customer_numbers=_standardised(encode.CUSTOMER_NUMBERS),
            article_numbers=_standardised(encode.ARTICLE_NUMBERS),
            customer_vocabularies=_vocabularies(encode.CUSTOMER_CATEGORIES, CUSTOMER_CODES),
            article_vocabularies=_vocabularies(encode.ARTICLE_CATEGORIES, codes),
            history_length=self.size.history,
        )

    def blocks(self) -> Iterator[tuple[Snapshot, Positives]]:
        """Yield a snapshot a week and what was bought in it; one is in memory at a time."""
        activity = np.cumsum(np.exp(1.3 * self.random.normal(size=self.size.customers)))
        rows = self._customer_rows(np.diff(activity, prepend=0.0))
        catalogue, codes = self._catalogue(), self._codes()
        for week in range(self.size.snapshots):
            cutoff = FIRST_CUTOFF + timedelta(weeks=week)
            yield (
                self._snapshot(cutoff, rows, catalogue, codes),
                self._positives(cutoff, week, activity),
            )

    @cached_property
    def _sellers(self) -> npt.NDArray[np.int32]:
        """Places of a week's list of best sellers, each as often as it sells: draws made cheap."""
        on_sale = max(1, self.size.articles // 3)
        sales = np.cumsum((np.arange(on_sale) + 200.0) ** -1.3)
        return np.searchsorted(sales / sales[-1], np.arange(1 << 20) / (1 << 20)).astype(np.int32)

    @cached_property
    def _season(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """All article keys as they come on sale, and where each place of the list stands in it."""
        places = self.random.permutation(int(self._sellers.max()) + 1)
        keys = self.random.permutation(self.size.articles) + FIRST_KEY
        return keys.astype(np.int32), places.astype(np.int32)

    def _bought(self, weeks_ago: Any, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
        """Return article keys of this shape, popular ones more often."""
        keys, places = self._season
        sellers = self._sellers[self.random.integers(len(self._sellers), size=shape)]
        coming = max(1, self.size.articles // 150)
        return keys[(places[sellers] + coming * weeks_ago) % len(keys)]

    def _positives(self, cutoff: date, week: int, activity: npt.NDArray[np.float64]) -> Positives:
        size = self.size
        count = size.positives // size.snapshots
        visits = self.random.random(count) * activity[-1]
        pieces = self.random.geometric(1 / VISIT_ARTICLES, size=count)
        customers = np.repeat(np.searchsorted(activity, visits), pieces)[:count] + FIRST_KEY
        bought = self._bought(size.snapshots - week, (count, 1))
        keys, places = self._season
        coming = max(1, size.articles // 150) * (size.snapshots - week)
        drawn = self.random.integers(len(places), size=(count, size.negatives))
        negatives = keys[(drawn + coming) % len(keys)]
        return Positives(cutoff, customers.astype(np.int32), np.hstack([bought, negatives]))

    def _customer_rows(self, activity: npt.NDArray[np.float64]) -> CustomerRows:
        """Return histories; half of the customers have 9 articles or fewer, as at H&M."""
        shape = (self.size.customers + FIRST_KEY, self.size.history)
        recent, days = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        lengths = np.minimum(9 * activity, shape[1]).astype(int)
        for start in range(FIRST_KEY, len(recent), 1 << 16):
            rows = slice(start, start + (1 << 16))
            gaps = self.random.exponential(20, size=recent[rows].shape)
            ages = np.minimum(1 + np.cumsum(gaps, axis=1) // 1, 700)
            real = np.arange(shape[1]) < lengths[rows.start - FIRST_KEY :][: len(ages), None]
            weeks_ago = self.size.snapshots + (ages / 7).astype(int)
            recent[rows] = np.where(real, self._bought(weeks_ago, ages.shape), 0)
            days[rows] = np.where(real, ages, 0)
        return CustomerRows(
            recent_articles=recent,
            recent_days=days,
            recent_quantities=(recent > 0).astype(np.float32),
            mean_price=self._floats(len(recent), low=0.01),
            age=self._floats(len(recent), low=16.0, high=99.0),
            cutoff=FIRST_CUTOFF,
        )

    def _catalogue(self) -> Catalogue:
        things = self.size.articles + FIRST_KEY
        numbers = self.encoder.article_sizes
        sizes = dict(zip(TASTES, (numbers[i] for i in (0, 1, 6, 3, 7, 8, 9)), strict=True))
        return Catalogue(
            product_code=self._integers(things, max(1, 4 * self.size.articles // 9)),
            tastes={name: self._integers(things, count) for name, count in sizes.items()},
            mean_price=self._floats(things, low=0.01),
            mean_customer_age=self._floats(things, low=20.0, high=60.0),
        )

    def _codes(self) -> npt.NDArray[np.int32]:
        """Return [articles, Ca]; articles that sold too little for a code of their own have 0."""
        things = self.size.articles + FIRST_KEY
        columns = [self._integers(things, count) for count in self.encoder.article_sizes]
        own = np.arange(things, dtype=np.int32)
        columns[-1] = np.where(own < self.encoder.article_sizes[-1], own, 0)
        return np.stack(columns, axis=1)

    def _snapshot(
        self,
        cutoff: date,
        rows: CustomerRows,
        catalogue: Catalogue,
        codes: npt.NDArray[np.int32],
    ) -> Snapshot:
        people, things = len(rows.age), len(codes)
        encoder = self.encoder
        customer_width = len(encoder.customer_numbers) + len(encode.CUSTOMER_FLAGS)
        article_width = len(encoder.article_numbers) + len(encode.ARTICLE_FLAGS)
        sizes = encoder.customer_sizes
        return Snapshot(
            cutoff=cutoff,
            customer_numbers=self._normal(people, customer_width),
            customer_categories=np.stack([self._integers(people, n) for n in sizes], axis=1),
            customers=rows.take(slice(None)),
            age_bands=np.zeros(people, np.int8),
            article_numbers=self._normal(things, article_width),
            article_categories=codes,
            image_vectors=self._images,
            catalogue=catalogue,
            is_on_sale=np.ones(things, np.bool_),
            sales_7d=np.ones(things, np.float32),
        )

    @cached_property
    def _images(self) -> npt.NDArray[np.float32]:
        return self._normal(self.size.articles + FIRST_KEY, IMAGE_WIDTH) / IMAGE_WIDTH**0.5

    def _normal(self, *shape: int) -> npt.NDArray[np.float32]:
        return self.random.standard_normal(shape, np.float32)

    def _integers(self, count: int, below: int) -> npt.NDArray[np.int32]:
        return self.random.integers(below, size=count, dtype=np.int32)

    def _floats(self, count: int, low: float, high: float = 1.0) -> npt.NDArray[np.float32]:
        return self.random.uniform(low, high, size=count).astype(np.float32)


def _standardised(columns: Any) -> tuple[Number, ...]:
    return tuple(Number(name, "none", -9.0, 9.0, 0.0, 1.0) for name in columns)


def _vocabularies(names: tuple[str, ...], sizes: Any) -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(str, range(n))) for name, n in zip(names, sizes, strict=True)}
