"""Articles that the same customers buy, as of a cutoff.

For each article its buyers' baskets are counted into one number an article, and the nearest are
kept: at H&M's size (3.4 million cells in 90 days) a second, where a join of pairs in Spark takes a
minute. SciPy's sparse product of the same cells takes half as long again, and more memory.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsys.compiled import compiled
from recsys.features.facts import as_table
from recsys.features.history import Pairs, Purchases, places_of
from recsys.schemas import FEATURES_COPURCHASES

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

#: Articles whose neighbours are found at once.
BLOCK_ARTICLES = 1024


def find_copurchases(
    purchases: Purchases,
    *,
    copurchase_days: int,
    copurchased_articles: int,
    copurchase_customers: int,
    history_length: int,
) -> pa.Table:
    """Return FEATURES_COPURCHASES: each article's `copurchased_articles` nearest by cosine.

    Only purchases in [cutoff - copurchase_days, cutoff) count, and of each customer only the latest
    `history_length` articles (ties: higher key first): the pairs of a customer grow with the square
    of its articles, so that a few very large histories would make most of the work. An article that
    shares fewer than `copurchase_customers` with every other has no rows.

    Args:
        purchases: at least those of that window.
        copurchase_days: see above.
        copurchased_articles: rows an article, at most.
        copurchase_customers: how many customers two articles must share to be neighbours.
        history_length: see above.
    """
    pairs = Pairs.of(purchases.within(copurchase_days))
    baskets = pairs.take(places_of(pairs.customers) < history_length)
    size = int(baskets.articles.max(initial=0)) + 1
    people = int(baskets.customers.max(initial=0)) + 1
    cells = np.ones(len(baskets.customers), np.int8), (baskets.customers, baskets.articles)
    bought = csr_array(cells, shape=(people, size), dtype=np.int8)
    buyers = bought.tocsc()

    def nearest(start: int) -> tuple[Int32, Int32, Int32, Float32]:
        return find_nearest(
            (buyers.indptr, buyers.indices),
            (bought.indptr, bought.indices),
            (start, min(start + BLOCK_ARTICLES, size)),
            copurchase_customers,
            copurchased_articles,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(nearest, range(0, size, BLOCK_ARTICLES)))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return as_table(
        dict(zip(FEATURES_COPURCHASES.names, columns, strict=True)), FEATURES_COPURCHASES
    )


@compiled
def find_nearest(
    buyers: tuple[Int32, Int32],
    baskets: tuple[Int32, Int32],
    block: tuple[int, int],
    least: int,
    limit: int,
) -> tuple[Int32, Int32, Int32, Float32]:
    """Return article keys, ranks, other keys and scores of the articles of a block.

    Args:
        buyers: offsets [articles + 1] and who bought each article.
        baskets: offsets [customers + 1] and what each customer bought.
        block: the first article and the one after the last.
        least: customers that two articles must share.
        limit: rows an article.
    """
    room = (block[1] - block[0]) * limit
    articles, ranks = np.empty(room, np.int32), np.empty(room, np.int32)
    others, scores = np.empty(room, np.int32), np.empty(room, np.float32)
    counts = np.zeros(len(buyers[0]), np.int32)
    touched = np.empty(len(buyers[0]), np.int32)
    row = 0
    for article in range(block[0], block[1]):
        found = _count(article, buyers, baskets, counts, touched)
        own = buyers[0][article + 1] - buyers[0][article]
        kept = 0
        for other in touched[:found]:
            count, counts[other] = counts[other], 0
            if other != article and count >= least:
                theirs = buyers[0][other + 1] - buyers[0][other]
                score = np.float32(count / np.sqrt(np.float64(own) * np.float64(theirs)))
                kept = _insert((others[row:], scores[row:]), kept, limit, (other, score))
        articles[row : row + kept] = article
        ranks[row : row + kept] = np.arange(1, kept + 1)
        row += kept
    return articles[:row], ranks[:row], others[:row], scores[:row]


@compiled
def _count(
    article: int,
    buyers: tuple[Int32, Int32],
    baskets: tuple[Int32, Int32],
    counts: Int32,
    touched: Int32,
) -> int:
    """Count an article's buyers' baskets, note which articles these hold, and return how many."""
    found = 0
    for customer in buyers[1][buyers[0][article] : buyers[0][article + 1]]:
        for other in baskets[1][baskets[0][customer] : baskets[0][customer + 1]]:
            if counts[other] == 0:
                touched[found] = other
                found += 1
            counts[other] += 1
    return found


@compiled
def _insert(
    best: tuple[Int32, Float32], kept: int, limit: int, neighbour: tuple[int, np.float32]
) -> int:
    """Put a neighbour in its place among the best, by score and then key; return how many are kept.

    `best` are keys and scores, both with room for `limit`.
    """
    (others, scores), (other, score), place = best, neighbour, kept
    while place > 0 and (
        scores[place - 1] < score or (scores[place - 1] == score and others[place - 1] > other)
    ):
        place -= 1
    if place == limit:
        return kept
    kept = min(kept + 1, limit)
    others[place + 1 : kept] = others[place : kept - 1].copy()
    scores[place + 1 : kept] = scores[place : kept - 1].copy()
    others[place], scores[place] = other, score
    return kept
