"""Negatives: articles that a customer could have bought in a label window, and never did."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.examples.alias import alias_table

#: So many times the wanted negatives are drawn at first; those that fall out are mostly made good.
OVERSAMPLING = 2


def sample_negatives(
    positives: DataFrame,
    transactions: DataFrame,
    pool: DataFrame,
    *,
    number: int,
    seed: int,
) -> DataFrame:
    """Return for each positive `number` different articles of its snapshot's pool.

    Never one that the customer bought before the label window's end, in it or ever. Fewer only
    where the pool holds no more such articles. A draw depends on the seed, the positive and the
    pool, on nothing else: neither on partitions nor on other positives.

    First `OVERSAMPLING * number` draws with replacement, of which the first different ones that the
    customer did not buy are kept. A positive left short, whose customer bought much of the pool, is
    drawn again exactly: all of the pool that is left, in the order of a random key.

    Args:
        positives: as `find_positives` gives them.
        transactions: cleaned.transactions.
        pool: as `find_pool` gives it.
        number: negatives a positive.
        seed: changes every draw.

    Returns:
        the positives and `negatives`, an array of article keys.
    """
    known = _known_purchases(positives, transactions)
    drawn = _draw(positives, pool, number=OVERSAMPLING * number, seed=seed)
    kept = _first(_not_bought(drawn, known), number)
    # Both kinds of positives come out of it, and sorting them reads it once more.
    tried = positives.join(kept, on="positive_id", how="left").persist()
    is_full = F.coalesce(F.size("negatives") == number, F.lit(False))
    short = tried.where(~is_full).drop("negatives")
    exact = _first(_not_bought(_draw_all(short, pool, seed=seed), known), number)
    redone = short.join(exact, on="positive_id", how="left").withColumn(
        "negatives", F.coalesce("negatives", F.array().cast("array<int>"))
    )
    return tried.where(is_full).unionByName(redone)


def _known_purchases(positives: DataFrame, transactions: DataFrame) -> DataFrame:
    """Return what the customers of the positives ever bought, and when for the first time."""
    return (
        transactions.join(positives.select(C.CUSTOMER_KEY), on=C.CUSTOMER_KEY, how="left_semi")
        .groupBy(C.CUSTOMER_KEY, C.ARTICLE_KEY)
        .agg(F.min(C.T_DAT).alias("first_day"))
        .select(
            F.col(C.CUSTOMER_KEY).alias("buyer"), F.col(C.ARTICLE_KEY).alias("bought"), "first_day"
        )
    )


def _draw(positives: DataFrame, pool: DataFrame, *, number: int, seed: int) -> DataFrame:
    """Return `number` draws with replacement for each positive, in proportion to the weights."""
    places = _lookup_table(pool)
    sizes = places.select(C.CUTOFF, "size").distinct()
    draws = (
        _askers(positives)
        .join(F.broadcast(sizes), on=C.CUTOFF, how="inner")
        .withColumn("order", F.explode(F.sequence(F.lit(0), F.lit(number - 1))))
        .withColumn("place", F.pmod(_hash(seed, "place", "order"), F.col("size")))
        .join(F.broadcast(places.drop("size")), on=[C.CUTOFF, "place"], how="inner")
    )
    is_own = _uniform(_hash(seed, "alias", "order")) < F.col("probability")
    return draws.withColumn(C.ARTICLE_KEY, F.when(is_own, F.col("own")).otherwise(F.col("alias")))


def _draw_all(positives: DataFrame, pool: DataFrame, *, seed: int) -> DataFrame:
    """Return the whole pool for each positive, in the order of a weighted draw without replacement.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
    """
    key = _uniform(_hash(seed, "exact", C.ARTICLE_KEY))
    return (
        _askers(positives)
        .join(F.broadcast(pool), on=C.CUTOFF, how="inner")
        .withColumn("order", -F.log(key) / F.col("weight"))
    )


def _askers(positives: DataFrame) -> DataFrame:
    return positives.select("positive_id", C.CUTOFF, "label_end", C.CUSTOMER_KEY)


def _not_bought(drawn: DataFrame, known: DataFrame) -> DataFrame:
    is_known = (
        (F.col(C.CUSTOMER_KEY) == F.col("buyer"))
        & (F.col(C.ARTICLE_KEY) == F.col("bought"))
        & (F.col("first_day") < F.col("label_end"))
    )
    return drawn.join(known, on=is_known, how="left_anti")


def _first(drawn: DataFrame, number: int) -> DataFrame:
    """Return each positive's first `number` different articles, in the order of its draws."""
    ordered = F.array_sort(F.collect_list(F.struct("order", C.ARTICLE_KEY)))
    articles = F.array_distinct(F.transform(ordered, lambda draw: draw[C.ARTICLE_KEY]))
    return drawn.groupBy("positive_id").agg(F.slice(articles, 1, number).alias("negatives"))


def _hash(seed: int, purpose: str, column: str) -> Column:
    """Return a hash that tells seeds, purposes, positives and the values of `column` apart."""
    return F.xxhash64(F.lit(seed), F.lit(purpose), F.col("positive_id"), F.col(column))


def _uniform(number: Column) -> Column:
    """Return a hash's upper 53 bits as a number in (0, 1)."""
    return (F.shiftrightunsigned(number, 11) + 0.5) / float(1 << 53)


def _lookup_table(pool: DataFrame) -> DataFrame:
    """Return for each snapshot and place in its pool the article there and its alias.

    Made on the driver, of one row a snapshot and article: Python workers would need this library.
    """
    rows = pool.toArrow().sort_by([(C.CUTOFF, "ascending"), (C.ARTICLE_KEY, "ascending")])
    cutoffs = rows[C.CUTOFF].unique()
    snapshots = [rows.filter(pc.equal(rows[C.CUTOFF], cutoff)) for cutoff in cutoffs]
    return pool.sparkSession.createDataFrame(pa.concat_tables(map(_lookup_rows, snapshots)))


def _lookup_rows(pool: pa.Table) -> pa.Table:
    """Return the rows of one snapshot's pool, which is in the order of its keys."""
    keys = pool[C.ARTICLE_KEY].to_numpy()
    probability, alias = alias_table(pool["weight"].to_numpy())
    columns = {
        C.CUTOFF: pool[C.CUTOFF],
        "size": np.full(len(keys), len(keys)),
        "place": np.arange(len(keys)),
        "own": keys,
        "alias": keys[alias],
        "probability": probability,
    }
    return pa.table(columns)
