"""Articles that the same customers buy, as of a cutoff.

With the matrix B of customers x articles, 1 where one bought the other, the customers that two
articles share are the cells of B'B: a sparse product, by SciPy in blocks of articles. At H&M's size
(3.8 million cells in 90 days) it takes a second where a join of pairs in Spark takes a minute.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from recsys.features.facts import as_table
from recsys.features.history import Floats, Ints, Pairs, Purchases, pack, places_of
from recsys.schemas import FEATURES_COPURCHASES

#: Articles whose neighbours are found at once.
BLOCK_ARTICLES = 1024
#: The bits of 1.0, the highest cosine.
ONE = int(np.float32(1).view(np.int32))


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
    ones = np.ones(len(baskets.customers), np.float32)  # exact in counts up to 2^24 customers
    size = int(baskets.articles.max(initial=0)) + 1
    shape = (int(baskets.customers.max(initial=0)) + 1, size)
    bought = csr_array((ones, (baskets.customers, baskets.articles)), shape=shape)
    buyers = np.bincount(baskets.articles, minlength=size)
    by_article = bought.T.tocsr()
    nearest = partial(
        _nearest, by_article, bought, buyers, least=copurchase_customers, limit=copurchased_articles
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(nearest, range(0, size, BLOCK_ARTICLES)))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return as_table(
        dict(zip(FEATURES_COPURCHASES.names, columns, strict=True)), FEATURES_COPURCHASES
    )


def _nearest(
    by_article: csr_array, bought: csr_array, buyers: Ints, start: int, *, least: int, limit: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return article keys, ranks, other keys and scores of one block of articles."""
    shared = (by_article[start : start + BLOCK_ARTICLES] @ bought).tocoo()
    together = (shared.data >= least) & (shared.row + start != shared.col)
    articles, others = shared.row[together] + start, shared.col[together]
    count = shared.data[together]
    scores = (count / np.sqrt(buyers[articles] * buyers[others])).astype(np.float32)
    # Bits of positive floats sort as they do, and one sort of whole numbers is quicker than three.
    weakness = ONE - scores.view(np.int32).astype(np.int64)
    order = np.argsort(pack(articles - start, weakness, others))
    places = places_of(articles[order])
    best = order[places < limit]
    return articles[best], places[places < limit] + 1, others[best], scores[best]
