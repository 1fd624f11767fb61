"""The best sellers of each customer segment as of a cutoff."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.features.facts import as_table, at
from recsys.features.history import Ints, Pairs, Purchases
from recsys.schemas import AGE_BANDS, EVERYONE, FEATURES_POPULARITY


def rank_popular_articles(
    recent: Purchases,
    bands: Ints,
    sold: pa.Table,
    *,
    popular_days: int,
    on_sale_days: int,
    popular_articles: int,
) -> pa.Table:
    """Return FEATURES_POPULARITY: `popular_articles` for each of AGE_BANDS and for EVERYONE.

    Articles are ordered by their distinct customers in [cutoff - popular_days, cutoff), ties to the
    lower key. A list that is too short then goes on with the articles of [cutoff - on_sale_days,
    cutoff), by their customers there, then with what everyone buys, and that list ends with the
    articles of all time, so that a segment of few customers, or of none, has as long a list as any
    other. The score is always the number of distinct customers in the popular_days, so it is 0 for
    the articles filled in.

    Args:
        recent: at least the purchases of the longer of the two windows.
        bands: int64 [customers], the index into AGE_BANDS by key; a customer of none (negative)
            counts nowhere.
        sold: `article_key, customers`, distinct customers ever.
        popular_days: see above.
        on_sale_days: see above.
        popular_articles: length of each list.
    """
    ever = np.zeros(int(max(recent.articles.max(initial=0), *_keys(sold), 0)) + 1, np.int64)
    ever[_keys(sold)] = sold["customers"].to_numpy()
    pairs = Pairs.of(recent.within(max(popular_days, on_sale_days)))
    counts = [_count(pairs, bands, days, len(ever)) for days in (popular_days, on_sale_days)]
    everyone = chain(*[by_count(c[-1]) for c in counts], by_count(ever))[:popular_articles]
    columns: dict[str, list[Ints | list[str]]] = {n: [] for n in FEATURES_POPULARITY.names}
    for code, segment in enumerate((*AGE_BANDS, EVERYONE)):
        own = chain(*[by_count(c[code]) for c in counts])[:popular_articles]
        articles = chain(own, everyone)[:popular_articles]
        columns[C.AGE_BAND].append([segment] * len(articles))
        columns[C.RANK].append(np.arange(1, len(articles) + 1))
        columns[C.ARTICLE_KEY].append(articles)
        columns[C.SCORE].append(counts[0][code][articles])
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return as_table(joined, FEATURES_POPULARITY)


def chain(*parts: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct keys of all parts, in the order in which they first come.

    >>> chain(np.array([5, 3]), np.array([4, 5])).tolist()
    [5, 3, 4]
    """
    keys = np.concatenate(parts)
    _, first = np.unique(keys, return_index=True)
    return keys[np.sort(first)]


def by_count(counts: Ints) -> Ints:
    """Return the keys with a count, the highest count first, ties to the lower key.

    >>> by_count(np.array([0, 2, 0, 3, 2])).tolist()
    [3, 1, 4]
    """
    order = np.argsort(-counts, kind="stable")
    return order[: np.count_nonzero(counts)]


def _count(pairs: Pairs, bands: Ints, days: int, size: int) -> Ints:
    """Return int64 [AGE_BANDS + 1, articles]: customers in the window, the last row everyone's.

    The window ends at the cutoff, so a customer bought in it if the last purchase is in it.
    """
    band = at(bands, pairs.customers)
    inside = (pairs.days_since <= days) & (band >= 0)
    cells = band[inside] * size + pairs.articles[inside]
    counts = np.bincount(cells, minlength=len(AGE_BANDS) * size).reshape(len(AGE_BANDS), size)
    return np.vstack([counts, counts.sum(axis=0)])


def _keys(table: pa.Table) -> Ints:
    return np.asarray(table[C.ARTICLE_KEY].to_numpy(), np.int64)
