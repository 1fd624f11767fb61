"""What is known of each article as of a cutoff."""

import numpy as np
import pyarrow as pa

from recsys.columns import Columns as C
from recsys.features.customers import rows_by_key
from recsys.features.facts import SUMS, as_table, at
from recsys.features.history import Floats, Ints, Purchases, count_windows, mean_price, sum_by
from recsys.schemas import AGE_BANDS, FEATURES_ARTICLES

#: The facts of an article that was never sold; its days are null.
UNSOLD: dict[str, object] = dict.fromkeys(SUMS, 0)
RANK_DAYS = 7


def describe_articles(
    facts: pa.Table, recent: Purchases, bands: Ints, articles: pa.Table, *, on_sale_days: int
) -> pa.Table:
    """Return FEATURES_ARTICLES: one row for each of `articles`, by ascending key.

    Counts of an article never sold are 0, its trend too; its means, ranks and days are null. A
    customer counts once in the mean age, however often it bought. On sale means sold in
    [cutoff - on_sale_days, cutoff).

    Args:
        facts: ARTICLE_FACTS as of the cutoff.
        recent: at least the purchases of the last 30 days before the cutoff.
        bands: int64 [customers], the index into AGE_BANDS by key, negative for none.
        articles: cleaned.articles.
        on_sale_days: see above.
    """
    articles = articles.sort_by(C.ARTICLE_KEY)
    keys = articles[C.ARTICLE_KEY].to_numpy()
    facts = rows_by_key(facts, articles[C.ARTICLE_KEY], otherwise=UNSOLD)
    size = int(max(keys.max(initial=0), recent.articles.max(initial=0))) + 1
    sales = {d: n[keys] for d, n in count_windows(recent.articles, recent, size=size).items()}
    sums = {name: facts[name].to_numpy().astype(np.int64) for name in SUMS}
    week = recent.within(RANK_DAYS)
    spend = sum_by(week.articles, week.spend, size=size)[keys]
    mean, mean_7d = mean_price(sums["spend"], sums["sales"]), mean_price(spend, sales[RANK_DAYS])
    days_since = facts["days_since_sale"].to_numpy(zero_copy_only=False)
    columns = {
        **{name: facts[name] for name in facts.column_names},
        C.ARTICLE_KEY: articles[C.ARTICLE_KEY],
        "product_group_name": articles["product_group_name"],
        **{f"sales_{days}d": pieces for days, pieces in sales.items()},
        "trend": np.log((sales[7] + 1) / (sales[30] * 7 / 30 + 1)),
        "rank_7d": _ranks(sales[RANK_DAYS]),
        "band_ranks_7d": _band_ranks(week, bands, keys, size),
        "mean_price": mean,
        "mean_price_7d": mean_7d,
        "discount_7d": 1 - _ratio(mean_7d, mean),
        "mean_customer_age": _ratio(sums["age_sum"], sums["customers_with_age"]),
        "repurchase_rate": _ratio(sums["repeat_customers"], sums["customers"]),
        "is_on_sale": np.nan_to_num(days_since, nan=np.inf) <= on_sale_days,
    }
    return as_table(columns, FEATURES_ARTICLES)


def _ranks(pieces: Ints) -> Floats:
    """Return the rank from 1 of each article that sold, ties to the first; NaN of the others."""
    sold = np.flatnonzero(pieces > 0)
    ranks = np.full(len(pieces), np.nan)
    ranks[sold[np.argsort(-pieces[sold], kind="stable")]] = np.arange(1, len(sold) + 1)
    return ranks


def _band_ranks(week: Purchases, bands: Ints, keys: Ints, size: int) -> pa.Array:
    """Return for each key the list of its ranks in AGE_BANDS, null where nothing was sold."""
    band = at(bands, week.customers)
    ranks = []
    for code in range(len(AGE_BANDS)):
        own = week.take(band == code)
        ranks.append(_ranks(sum_by(own.articles, own.pieces, size=size)[keys]))
    flat = pa.array(np.stack(ranks, axis=1).ravel(), from_pandas=True).cast(pa.int32())
    offsets = pa.array(np.arange(len(keys) + 1) * len(AGE_BANDS), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat)


def _ratio(part: Ints | Floats, whole: Ints | Floats) -> Floats:
    """Return part / whole, NaN where the whole is 0."""
    unknown = np.full(len(part), np.nan)
    return np.asarray(np.divide(part, whole, out=unknown, where=whole != 0))
