"""Training pairs: what customers bought in a snapshot's label window, and what they did not."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from recsys.columns import Columns as C
from recsys.config import ExamplesConfig
from recsys.examples.split import Snapshot
from recsys.schemas import EXAMPLES_PAIRS, EXAMPLES_SPLIT
from recsys.spark import conform, to_struct

POSITIVE = ("positive_id", C.PART, C.CUTOFF, "label_end", C.CUSTOMER_KEY, C.ARTICLE_KEY, C.T_DAT)


def find_positives(transactions: DataFrame, snapshots: Sequence[Snapshot]) -> DataFrame:
    """Return one row for each customer, article and day of purchase in a label window.

    Columns are those of POSITIVE. Label windows do not overlap, so a purchase has one snapshot; its
    id is a hash of the purchase and the same in every run (64 bits: among ten million purchases two
    alike come up once in some 400,000 data sets).
    """
    return (
        _in_label_windows(transactions, snapshots)
        .select(C.PART, C.CUTOFF, "label_end", C.CUSTOMER_KEY, C.ARTICLE_KEY, C.T_DAT)
        .distinct()
        .withColumn("positive_id", F.xxhash64(C.CUSTOMER_KEY, C.ARTICLE_KEY, C.T_DAT))
        .select(*POSITIVE)
    )


def find_pool(
    transactions: DataFrame,
    articles: Mapping[date, DataFrame],
    snapshots: Sequence[Snapshot],
    config: ExamplesConfig,
) -> DataFrame:
    """Return the articles that negatives of each snapshot are drawn from, and their weights.

    An article is in a snapshot's pool if it was on sale as of the cutoff, or was sold in the label
    window: without the latter, an article of that week could only ever be a positive. Its weight is
    1, or with `sampling: popularity` (sales of the 30 days before the cutoff + sales of the label
    window, at least 1) ** popularity_exponent.

    Args:
        transactions: cleaned.transactions.
        articles: cutoff -> features.articles as of it, for every snapshot.
        snapshots: the split.
        config: sampling and exponent.

    Returns:
        cutoff, article_key, weight: one row for each snapshot and article.
    """
    sold = (
        _in_label_windows(transactions, snapshots)
        .groupBy(C.CUTOFF, C.ARTICLE_KEY)
        .agg(F.sum(C.QUANTITY).alias("pieces"))
    )
    on_sale = [
        frame.where("is_on_sale").select(
            F.lit(cutoff).alias(C.CUTOFF),
            C.ARTICLE_KEY,
            F.col("sales_30d").cast("long").alias("pieces"),
        )
        for cutoff, frame in articles.items()
    ]
    exponent = config.popularity_exponent if config.sampling == "popularity" else 0.0
    return (
        reduce(DataFrame.unionByName, [*on_sale, sold])
        .groupBy(C.CUTOFF, C.ARTICLE_KEY)
        .agg(F.pow(F.greatest(F.sum("pieces"), F.lit(1)), F.lit(exponent)).alias("weight"))
    )


def to_pairs(sampled: DataFrame) -> DataFrame:
    """Return EXAMPLES_PAIRS: each positive and, after it, its negatives."""
    label = F.lit(1).alias(C.LABEL)
    positives = sampled.select(*POSITIVE, label)
    negatives = sampled.select(
        *[name for name in POSITIVE if name != C.ARTICLE_KEY],
        F.explode("negatives").alias(C.ARTICLE_KEY),
        F.lit(0).alias(C.LABEL),
    )
    ordered = positives.unionByName(negatives).orderBy(
        C.CUTOFF, "positive_id", F.col(C.LABEL).desc(), C.ARTICLE_KEY
    )
    return conform(ordered, EXAMPLES_PAIRS)


def count_pairs(pairs: DataFrame, *, negatives_per_positive: int) -> dict[str, int]:
    """Return the pairs of each part and label, and how many negatives could not be had."""
    names = F.when(F.col(C.LABEL) == 1, "positives").otherwise("negatives").alias("name")
    counted = pairs.groupBy(C.PART, names).count().collect()
    counts = {f"{part}_{name}": number for part, name, number in sorted(counted)}
    positives = sum(n for name, n in counts.items() if name.endswith("_positives"))
    wanted = positives * negatives_per_positive
    return counts | {"negatives_missing": wanted + positives - sum(counts.values())}


def _in_label_windows(transactions: DataFrame, snapshots: Sequence[Snapshot]) -> DataFrame:
    """Return the purchases of label windows, with their snapshot's part, cutoff and label_end."""
    rows = [(s.part, s.cutoff, s.label_end) for s in snapshots]
    windows = transactions.sparkSession.createDataFrame(rows, to_struct(EXAMPLES_SPLIT))
    day = F.col(C.T_DAT)
    inside = (day >= F.col(C.CUTOFF)) & (day < F.col("label_end"))
    return transactions.join(F.broadcast(windows), on=inside, how="inner")
