"""Factors of customers and articles by Spark's ALS: what they bought, as a product of two vectors.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
"""

from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.config import AlsConfig
from recsys.staging import readable, scratch

Keys = NDArray[np.int32]
Factors = NDArray[np.float32]

#: Factors are written down after so many iterations. What they come of grows with each, and Java
#: runs out of stack on it: with small rows after ten iterations, and sooner with more.
CHECKPOINT_INTERVAL = 2


def weigh_purchases(transactions: DataFrame, *, cutoff: date, config: AlsConfig) -> DataFrame:
    """Return `customer_key, article_key, weight` of [cutoff - days, cutoff), a row a pair.

    Each day on which a customer bought an article weighs exp(-days ago / decay_days).
    """
    days_ago = F.date_diff(F.lit(cutoff), F.col(C.T_DAT))
    bought = transactions.select(C.CUSTOMER_KEY, C.ARTICLE_KEY, days_ago.alias("days_ago"))
    counts = F.col("days_ago").between(1, config.days)
    decayed = F.exp(-F.col("days_ago") / config.decay_days)
    return (
        bought.where(counts)
        .distinct()
        .groupBy(C.CUSTOMER_KEY, C.ARTICLE_KEY)
        .agg(F.sum(decayed).cast("float").alias("weight"))
    )


def keep_checkpoints(spark: SparkSession, folder: str) -> None:
    """Let Spark write down what it must not make again, where all its workers can read it.

    A local Spark writes below TMPDIR; any other to `folder`, an address in the lake.
    """
    is_local = str(spark.sparkContext.master).startswith("local")
    where = str(scratch()) if is_local else readable(spark, [folder])[0]
    spark.sparkContext.setCheckpointDir(where)


def fit_factors(
    weights: DataFrame, customer_keys: Keys, *, articles: int, config: AlsConfig, seed: int
) -> tuple[Factors, Factors]:
    """Return vectors of the given customers [n, rank] and of all articles [articles, rank].

    Whoever, and whatever, is in no pair has a vector of zeros. Only these vectors leave Spark.
    `keep_checkpoints` comes first.

    Args:
        weights: what `weigh_purchases` returned; a pair's confidence is 1 + alpha * weight.
        customer_keys: [n], ascending.
        articles: one above the highest article key.
        config: of the factorisation.
        seed: of the first factors.
    """
    model = ALS(
        userCol=C.CUSTOMER_KEY,
        itemCol=C.ARTICLE_KEY,
        ratingCol="weight",
        implicitPrefs=True,
        rank=config.rank,
        maxIter=config.iterations,
        regParam=config.regularisation,
        alpha=config.alpha,
        checkpointInterval=CHECKPOINT_INTERVAL,
        seed=seed,
    ).fit(weights)
    wanted = weights.sparkSession.createDataFrame(pa.table({"id": customer_keys}))
    customers = model.userFactors.join(wanted, on="id", how="left_semi").toArrow()
    every = np.arange(articles, dtype=np.int32)
    return (
        _vectors(customers, customer_keys, rank=config.rank),
        _vectors(model.itemFactors.toArrow(), every, rank=config.rank),
    )


def _vectors(factors: pa.Table, keys: Keys, *, rank: int) -> Factors:
    """Return the factors of each of the ascending keys [n], float32 [n, rank]."""
    vectors = np.zeros((len(keys), rank), np.float32)
    rows = np.searchsorted(keys, factors["id"].to_numpy())
    vectors[rows] = factors["features"].combine_chunks().flatten().to_numpy().reshape(-1, rank)
    return vectors
