from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame

from recsys.config import ExamplesConfig
from recsys.examples.negatives import sample_negatives
from recsys.examples.pairs import find_pool, find_positives
from recsys.examples.split import Snapshot

pytestmark = pytest.mark.spark

Make = Callable[..., DataFrame]
Sample = Callable[..., dict[tuple[int, int], list[int]]]

#: The 99.9 % point of the chi-square distribution with 49 degrees of freedom.
CHI_SQUARE_49 = 85.35


@pytest.fixture
def sample(make_purchases: Make, make_on_sale: Make, snapshot: Snapshot) -> Sample:
    """Return (customer, article) of each positive -> its negatives."""

    def sample(
        purchases: list[tuple[Any, ...]],
        on_sale: dict[int, int | None],
        *,
        config: ExamplesConfig | None = None,
        number: int = 4,
        seed: int = 1,
        partitions: int = 2,
    ) -> dict[tuple[int, int], list[int]]:
        transactions = make_purchases(purchases).repartition(partitions)
        articles = {snapshot.cutoff: make_on_sale(on_sale).repartition(partitions)}
        found = sample_negatives(
            find_positives(transactions, [snapshot]),
            transactions,
            find_pool(transactions, articles, [snapshot], config or ExamplesConfig()),
            number=number,
            seed=seed,
        ).collect()
        return {(row.customer_key, row.article_key): row.negatives for row in found}

    return sample


def test_negatives_are_on_sale_and_never_bought(sample: Sample) -> None:
    on_sale: dict[int, int | None] = dict.fromkeys(range(10, 22), 5) | {30: None, 31: None}
    # Each customer bought 10 and 11 long ago, 12 in the label window and 21 after it.
    purchases = [
        row
        for customer in range(2, 60)
        for row in ((-300, customer, 10), (-1, customer, 11), (3, customer, 12), (7, customer, 21))
    ]
    drawn = sample(purchases, on_sale)
    assert len(drawn) == 58
    for negatives in drawn.values():
        assert len(set(negatives)) == len(negatives) == 4
    assert {article for found in drawn.values() for article in found} == set(range(13, 22))


def test_an_article_of_another_positive_is_no_negative(sample: Sample) -> None:
    drawn = sample([(0, 2, 10), (6, 2, 11)], dict.fromkeys(range(10, 17), 1))
    assert set(drawn) == {(2, 10), (2, 11)}
    assert not {10, 11} & {article for found in drawn.values() for article in found}


def test_who_bought_nearly_everything_gets_what_is_left(sample: Sample) -> None:
    pool = dict.fromkeys(range(10, 110), 1)
    purchases = [(-5, 2, article) for article in range(10, 107)] + [(0, 2, 108), (0, 3, 109)]
    drawn = sample(purchases, pool)
    assert sorted(drawn[2, 108]) == [107, 109]
    assert len(drawn[3, 109]) == 4
    everything = [(-5, 2, article) for article in range(10, 110)] + [(0, 2, 108)]
    assert sample(everything, pool) == {(2, 108): []}


def test_draws_depend_on_the_seed_alone(sample: Sample) -> None:
    purchases = [(customer % 7, customer, 10) for customer in range(2, 30)]
    pool = dict.fromkeys(range(10, 60), 3)
    first = sample(purchases, pool)
    assert sample(purchases[::-1], pool, partitions=5) == first
    assert sample(purchases, pool, seed=2) != first
    # Another customer's purchases change nothing either.
    fewer = sample([row for row in purchases if row[1] < 20], pool)
    assert fewer == {key: found for key, found in first.items() if key[0] < 20}


def test_rows_after_the_label_window_change_nothing(sample: Sample, snapshot: Snapshot) -> None:
    purchases = [(0, customer, 10) for customer in range(2, 30)]
    pool = dict.fromkeys(range(10, 60), 3)
    days = (snapshot.label_end - snapshot.cutoff) // timedelta(days=1)
    later = [(days, customer, article) for customer in range(2, 30) for article in range(10, 70)]
    assert sample(purchases + later, pool) == sample(purchases, pool)


def chi_square(drawn: dict[tuple[int, int], list[int]], expected: dict[int, float]) -> float:
    counts = Counter(article for found in drawn.values() for article in found)
    total = sum(counts.values())
    assert total == 20_000
    assert set(counts) <= set(expected)
    wanted = {article: share * total for article, share in expected.items()}
    return sum((counts[article] - want) ** 2 / want for article, want in wanted.items())


def test_uniform_draws_are_uniform(sample: Sample) -> None:
    # The purchased article 9 is not on sale at the cutoff, but in the pool as it was sold: nobody
    # draws it, as everybody bought it. That leaves 50 articles.
    purchases = [(0, customer, 9) for customer in range(2, 20_002)]
    drawn = sample(purchases, dict.fromkeys(range(10, 60), 7), number=1)
    assert chi_square(drawn, dict.fromkeys(range(10, 60), 1 / 50)) < CHI_SQUARE_49


def test_popular_draws_follow_sales_to_the_exponent(sample: Sample) -> None:
    config = ExamplesConfig(sampling="popularity", popularity_exponent=0.75)
    sales: dict[int, int | None] = {article: (article - 9) ** 2 for article in range(10, 60)}
    purchases = [(0, customer, 9, 1) for customer in range(2, 20_002)]
    drawn = sample(purchases, sales, config=config, number=1)
    weights = np.arange(1, 51, dtype=float) ** 1.5
    shares = dict(zip(range(10, 60), weights / weights.sum(), strict=True))
    assert chi_square(drawn, shares) < CHI_SQUARE_49


def test_the_exact_draw_follows_the_weights_too(sample: Sample) -> None:
    # Everybody bought 200 of 203 articles, so most positives are drawn again, exactly.
    config = ExamplesConfig(sampling="popularity", popularity_exponent=1.0)
    sales: dict[int, int | None] = dict.fromkeys(range(300, 500), 40) | {10: 40, 11: 40, 12: 80}
    purchases = [
        (-9, customer, article) for customer in range(2, 602) for article in range(300, 500)
    ] + [(0, customer, 300) for customer in range(2, 602)]
    drawn = sample(purchases, sales, config=config, number=1)
    counts = Counter(article for found in drawn.values() for article in found)
    assert sum(counts.values()) == 600
    # 300 of 600 are expected to be article 12; four standard deviations are 49.
    assert abs(counts[12] - 300) < 49
    assert abs(counts[10] - 150) < 43
