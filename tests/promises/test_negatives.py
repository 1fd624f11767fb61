"""A million negatives: none was bought, all were on sale, and each distribution is its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from scipy.stats import chisquare

from recsys.config import ExamplesConfig
from recsys.examples.negatives import sample_negatives
from recsys.examples.pairs import find_pool, find_positives
from recsys.examples.split import Snapshot

pytestmark = pytest.mark.spark

SNAPSHOT = Snapshot("train", date(2020, 9, 1), date(2020, 9, 8))
CUSTOMERS, POSITIVES_EACH, HISTORY_EACH = 5_000, 50, 40
#: Articles 0..499 are on sale, and 500..599 were; the last fifty of these sell in the label window.
ON_SALE, ARTICLES, SOLD_AGAIN = 500, 600, 550
FIRST = 2
ALPHA = 1e-3
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Purchases:
    """bool [customers, articles] each: bought before the cutoff, in the label window, after it.

    popularity: float [articles], the pieces that weights are made of; 0 where not in the pool.
    """

    before: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    after: NDArray[np.bool_]
    sales: Counts

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.before | self.labels

    @property
    def popularity(self) -> Floats:
        in_pool = (np.arange(ARTICLES) < ON_SALE) | self.labels.any(axis=0)
        pieces = self.sales + self.labels.sum(axis=0)
        return np.where(in_pool, np.maximum(pieces, 1), 0).astype(float)

    def table(self) -> pa.Table:
        """Return them as cleaned.transactions, some on the first day of what comes after."""
        days = (SNAPSHOT.cutoff - timedelta(days=1), SNAPSHOT.cutoff, SNAPSHOT.label_end)
        parts = []
        for day, bought in zip(days, (self.before, self.labels, self.after), strict=True):
            customers, articles = np.nonzero(bought)
            size = len(customers)
            parts.append(
                pa.table(
                    {
                        "t_dat": pa.array([day] * size, pa.date32()),
                        "customer_key": pa.array(customers + FIRST, pa.int32()),
                        "article_key": pa.array(articles + FIRST, pa.int32()),
                        "price": np.full(size, 0.1),
                        "sales_channel_id": pa.array(np.full(size, 2), pa.int8()),
                        "quantity": pa.array(np.ones(size), pa.int32()),
                    }
                )
            )
        return pa.concat_tables(parts)


@pytest.fixture(scope="module")
def purchases() -> Purchases:
    """Some customers bought nearly all that is on sale; articles differ much in sales."""
    rng = np.random.default_rng(20200923)
    weights = 1 / (1 + np.arange(ARTICLES)) ** 0.5
    weights[ON_SALE:SOLD_AGAIN] = 0

    def draw(each: int, shares: Floats) -> NDArray[np.bool_]:
        order = np.log(rng.random((CUSTOMERS, ARTICLES))) / np.maximum(shares, 1e-300)
        bought = np.zeros((CUSTOMERS, ARTICLES), bool)
        np.put_along_axis(bought, np.argsort(-order, axis=1)[:, :each], True, axis=1)
        return bought

    before = draw(HISTORY_EACH, np.ones(ARTICLES))
    before[:50, : ON_SALE - 20] = True
    sales = np.where(np.arange(ARTICLES) < ON_SALE, 20_000 // (1 + np.arange(ARTICLES)), 0)
    return Purchases(before, draw(POSITIVES_EACH, weights), draw(30, np.ones(ARTICLES)), sales)


Sample = Callable[[ExamplesConfig], tuple[Counts, Counts]]


@pytest.fixture(scope="module")
def sample(
    spark: SparkSession, purchases: Purchases, tmp_path_factory: pytest.TempPathFactory
) -> Sample:
    """Return customers [negatives] and articles [negatives], counted from 0."""
    bought = tmp_path_factory.mktemp("negatives") / "transactions.parquet"
    pq.write_table(purchases.table(), bought)
    keys = range(FIRST, FIRST + ARTICLES)
    on_sale = spark.createDataFrame(
        [
            (key, int(pieces), index < ON_SALE)
            for index, (key, pieces) in enumerate(zip(keys, purchases.sales, strict=True))
        ],
        "article_key int, sales_30d int, is_on_sale boolean",
    )

    def sample(config: ExamplesConfig) -> tuple[Counts, Counts]:
        transactions = spark.read.parquet(str(bought))
        sampled = sample_negatives(
            find_positives(transactions, [SNAPSHOT]),
            transactions,
            find_pool(transactions, {SNAPSHOT.cutoff: on_sale}, [SNAPSHOT], config),
            number=config.negatives_per_positive,
            seed=11,
        )
        found = sampled.select("customer_key", "negatives").toArrow()
        negatives = found["negatives"].combine_chunks()
        customers = np.repeat(found["customer_key"].to_numpy(), np.diff(negatives.offsets))
        return customers - FIRST, negatives.flatten().to_numpy() - FIRST

    return sample


@pytest.fixture(scope="module")
def uniform(sample: Sample) -> tuple[Counts, Counts]:
    return sample(ExamplesConfig(negatives_per_positive=4))


@pytest.fixture(scope="module")
def popular(sample: Sample) -> tuple[Counts, Counts]:
    """One a positive: of several different ones, the later ones follow weights less closely."""
    return sample(
        ExamplesConfig(negatives_per_positive=1, sampling="popularity", popularity_exponent=0.75)
    )


def expected(purchases: Purchases, weights: Floats, each: int) -> Floats:
    """Return how often each article is drawn on average, if no customer draws what it bought."""
    free = np.where(purchases.known, 0, weights)
    shares = free / free.sum(axis=1, keepdims=True)
    positives = purchases.labels.sum(axis=1, keepdims=True)
    return np.asarray((shares * positives * each).sum(axis=0))


def p_value(articles: Counts, frequencies: Floats) -> float:
    """Return the chi-square test's p; every draw must be of an article that can be drawn."""
    counts = np.bincount(articles, minlength=ARTICLES)
    possible = frequencies > 0
    assert counts[~possible].sum() == 0
    return float(chisquare(counts[possible], frequencies[possible]).pvalue)


@pytest.mark.parametrize(("name", "size"), [("uniform", 1_000_000), ("popular", 250_000)])
def test_no_negative_was_bought_or_off_sale(
    request: pytest.FixtureRequest, purchases: Purchases, name: str, size: int
) -> None:
    customers, articles = request.getfixturevalue(name)
    assert len(articles) == size
    assert purchases.known[customers, articles].sum() == 0
    assert (articles[articles >= ON_SALE] >= SOLD_AGAIN).all()
    # What is bought only after the label window is fair game: to leave it out would be a leak.
    assert purchases.after[customers, articles].sum() > size / 100


def test_each_distribution_is_its_own_and_not_the_other(
    purchases: Purchases, uniform: tuple[Counts, Counts], popular: tuple[Counts, Counts]
) -> None:
    flat = (purchases.popularity > 0).astype(float)
    steep = purchases.popularity**0.75
    _, evenly = uniform
    _, by_sales = popular
    assert p_value(evenly, expected(purchases, flat, 4)) > ALPHA
    assert p_value(by_sales, expected(purchases, steep, 1)) > ALPHA
    assert p_value(evenly, expected(purchases, steep, 4)) < ALPHA
    assert p_value(by_sales, expected(purchases, flat, 1)) < ALPHA


def test_another_exponent_would_be_noticed(
    purchases: Purchases, popular: tuple[Counts, Counts]
) -> None:
    wrong = purchases.popularity**0.72
    assert p_value(popular[1], expected(purchases, wrong, 1)) < ALPHA
