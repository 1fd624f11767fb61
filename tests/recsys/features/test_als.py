"""Factors by Spark, of purchases before a cutoff."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.recsys.conftest import make_transactions

from recsys.config import AlsConfig
from recsys.features.als import fit_factors, keep_checkpoints, weigh_purchases

CUTOFF = date(2020, 9, 1)
CONFIG = AlsConfig(rank=4, iterations=30, regularisation=0.05, alpha=10.0, days=90, decay_days=60.0)


def bought(spark: SparkSession, *rows: tuple[int, int, int]) -> DataFrame:
    """Return purchases of (days before the cutoff, customer, article)."""
    table = make_transactions([(CUTOFF - timedelta(days=d), c, a, 1) for d, c, a in rows])
    return spark.createDataFrame(table)


def test_a_day_of_purchase_weighs_less_the_older_it_is(spark: SparkSession) -> None:
    rows = [
        (1, 2, 5), (1, 2, 5), (30, 2, 5),  # twice on one day counts once
        (90, 2, 6), (91, 2, 7),
        (0, 3, 5), (-7, 3, 6), (2, 3, 6),  # the cutoff and later count for nothing
    ]  # fmt: skip
    weights = weigh_purchases(bought(spark, *rows), cutoff=CUTOFF, config=CONFIG)

    assert weights.columns == ["customer_key", "article_key", "weight"]
    assert {(c, a): weight for c, a, weight in weights.collect()} == {
        (2, 5): pytest.approx(0.983471 + 0.606531, abs=1e-5),
        (2, 6): pytest.approx(0.223130, abs=1e-5),
        (3, 6): pytest.approx(0.967216, abs=1e-5),
    }


def test_who_buys_alike_has_factors_alike(spark: SparkSession, tmp_path: Path) -> None:
    """Customers 2 to 5 buy among 2, 3, 4, and 6 to 9 among 5, 6, 7; each has left out one."""
    pairs = [(c, a) for c in range(2, 10) for a in ((2, 3, 4) if c < 6 else (5, 6, 7))]
    pairs = [(c, a) for c, a in pairs if (c, a) not in ((2, 4), (6, 7))]
    weights = weigh_purchases(
        bought(spark, *[(1, c, a) for c, a in pairs]), cutoff=CUTOFF, config=CONFIG
    )
    keys = np.array([1, 2, 6, 11], np.int32)
    keep_checkpoints(spark, str(tmp_path))
    customers, articles = fit_factors(weights, keys, articles=10, config=CONFIG, seed=0)

    assert (customers.shape, articles.shape) == ((4, 4), (10, 4))
    assert customers.dtype == articles.dtype == np.float32
    # Nothing was bought by, or of, these.
    assert not customers[[0, 3]].any()
    assert not articles[[0, 1, 8, 9]].any()
    scores = customers @ articles.T
    assert scores[[1, 2], [2, 5]].min() > 0.9
    assert scores[1, 4] > 0.05 > scores[1, [5, 6, 7]].max()
    assert scores[2, 7] > 0.05 > scores[2, [2, 3, 4]].max()
