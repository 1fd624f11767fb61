"""Features of customer-article pairs, made the same way for training and for the nightly run.

NumPy only, and never more than a few megabytes beside the result: a customer's history is sorted
or added up once, then every candidate is looked up in it, so the cost is `n * (L + m)`, where
comparing all with all would be `n * L * m`.
"""

from datetime import date

import numpy as np
import numpy.typing as npt

from recsys.columns import FIRST_KEY
from recsys.features.rows import TASTES, ArticleRows, Catalogue, CustomerRows, Float32, Int32

#: A purchase's recency is exp(-days / RECENCY_DAYS).
RECENCY_DAYS = 30.0
#: In shares of the history a purchase weighs exp(-days / TASTE_DAYS): tastes outlast purchases.
TASTE_DAYS = 90.0
#: Days beyond this one, and never, count as this many.
MAX_DAYS = 365.0
#: |log price ratio| beyond this one (a factor of 20) is an error of the data, not of taste.
MAX_LOG_RATIO = 3.0
#: The age gap, in decades, where either age is unknown: about that of two people picked at random.
UNKNOWN_AGE_GAP = 1.5
#: Elements of the largest temporary array.
CHUNK_ELEMENTS = 1 << 18

#: The last axis of `interaction_features`, in its order.
INTERACTION_NAMES: tuple[str, ...] = (
    "bought_before",  # 1 where the article is among the recent ones, else 0
    "log_quantity_before",  # log(1 + pieces ever bought); never: 0
    "article_recency",  # exp(-days since the last purchase / 30); never: 0
    "log_days_since_article",  # log(1 + days) / log(1 + 365), capped; never: 1
    "bought_product_before",  # the same for any article of the product code
    "product_recency",
    "log_days_since_product",
    *(f"{name}_share" for name in TASTES),  # recency-weighted share of the history; none: 0
    "log_price_ratio",  # log(article's mean price / customer's), within +-3; unknown: 0
    "age_gap",  # |age - mean age of the article's customers| in decades; unknown: 1.5
    "weekday_sin",  # of the cutoff, Monday = 0
    "weekday_cos",
    "month_sin",
    "month_cos",
    "is_weekend",  # 1 where the cutoff is a Saturday or a Sunday
)


def interaction_features(customers: CustomerRows, articles: ArticleRows) -> Float32:
    """Return float32 [n, m, P]: the features of each customer with each of its candidates.

    P is `len(INTERACTION_NAMES)`, which says what each one is and which neutral value stands where
    something is unknown; the result holds no NaN. "Bought before" looks at the L recent articles.
    """
    n, m = articles.article_keys.shape
    features = np.empty((n, m, len(INTERACTION_NAMES)), np.float32)
    codes = max((int(c.max(initial=0)) + 1 for c in articles.catalogue.tastes.values()), default=1)
    step = max(1, CHUNK_ELEMENTS // max(codes, m, customers.recent_articles.shape[1]))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        _fill(features[rows], customers.take(rows), articles.article_keys[rows], articles.catalogue)
    return features


def _fill(out: Float32, customers: CustomerRows, keys: Int32, catalogue: Catalogue) -> None:
    history = customers.recent_articles
    bought, days, quantity = _last_purchase(customers, history, keys)
    out[..., 0] = bought
    out[..., 1] = np.log1p(quantity)
    out[..., 2:4] = _recency(bought, days)
    codes = catalogue.product_code
    bought, days, _ = _last_purchase(customers, codes[history], codes[keys])
    out[..., 4] = bought
    out[..., 5:7] = _recency(bought, days)
    for column, code in enumerate(catalogue.tastes.values(), start=7):
        out[..., column] = _share(customers, code[history], code[keys])
    column = 7 + len(catalogue.tastes)
    out[..., column] = _log_price_ratio(customers.mean_price, catalogue.mean_price[keys])
    out[..., column + 1] = _age_gap(customers.age, catalogue.mean_customer_age[keys])
    out[..., column + 2 :] = _calendar(customers.cutoff)


def _last_purchase(
    customers: CustomerRows, history: Int32, wanted: Int32
) -> tuple[npt.NDArray[np.bool_], Float32, Float32]:
    """Return whether, how many days ago and in how many pieces each wanted code was bought last.

    Codes of one customer are made unlike all others' by the row number, so that one sorted array
    answers for all of them; the sort is stable, hence the first of equal codes is the latest.
    """
    width = int(max(history.max(initial=0), wanted.max(initial=0))) + 2
    row = np.arange(len(history), dtype=np.int64)[:, None] * width
    # Padding of the history becomes -1: no candidate, not even a padded one, equals it.
    known = (customers.recent_articles >= FIRST_KEY) & (history >= 0)
    flat = np.where(known, row + history, -1).ravel()
    order = np.argsort(flat, kind="stable")
    codes = flat[order]
    target = np.where(wanted >= 0, row + wanted, -2)
    at = np.minimum(np.searchsorted(codes, target), max(len(codes) - 1, 0))
    if not len(codes):
        nothing = np.zeros(wanted.shape, np.float32)
        return nothing.astype(bool), nothing, nothing
    bought = codes[at] == target
    place = order[at]
    days = np.where(bought, customers.recent_days.ravel()[place], np.float32(MAX_DAYS))
    pieces = np.where(bought, customers.recent_quantities.ravel()[place], np.float32(0))
    return bought, days, pieces


def _recency(bought: npt.NDArray[np.bool_], days: Float32) -> Float32:
    """Return float32 [n, m, 2]: exp(-days / 30), 0 for never, and the capped, scaled log."""
    decay = np.where(bought, np.exp(-days / np.float32(RECENCY_DAYS)), np.float32(0))
    log_days = np.log1p(np.minimum(days, np.float32(MAX_DAYS))) / np.log1p(np.float32(MAX_DAYS))
    return np.stack([decay, log_days], axis=-1)


def _share(customers: CustomerRows, history: Int32, wanted: Int32) -> Float32:
    """Return float32 [n, m]: the recency-weighted share of the history with the wanted code."""
    n, width = len(history), int(max(history.max(initial=0), wanted.max(initial=0))) + 1
    real = customers.recent_articles >= FIRST_KEY
    days = np.where(real, customers.recent_days, 0)
    weight = np.where(real, np.exp(-days / np.float32(TASTE_DAYS)), np.float32(0))
    known = real & (history >= 0)
    cell = (np.arange(n, dtype=np.int64)[:, None] * width + history)[known]
    profile = np.bincount(cell, weights=weight[known], minlength=n * width).reshape(n, width)
    total = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    share = np.take_along_axis(profile, np.maximum(wanted, 0), axis=1) / total
    return np.where(wanted >= 0, share, 0).astype(np.float32)


def _log_price_ratio(customer: Float32, article: Float32) -> Float32:
    known = (customer[:, None] > 0) & (article > 0)
    ratio = np.where(known, article, 1) / np.where(known, customer[:, None], 1)
    return np.clip(np.log(ratio), -MAX_LOG_RATIO, MAX_LOG_RATIO).astype(np.float32)


def _age_gap(customer: Float32, article: Float32) -> Float32:
    gap = np.abs(customer[:, None] - article) / 10
    return np.where(np.isnan(gap), np.float32(UNKNOWN_AGE_GAP), gap).astype(np.float32)


def _calendar(cutoff: date) -> Float32:
    weekday = 2 * np.pi * cutoff.weekday() / 7
    month = 2 * np.pi * (cutoff.month - 1) / 12
    circles = [np.sin(weekday), np.cos(weekday), np.sin(month), np.cos(month)]
    return np.array([*circles, cutoff.weekday() >= 5], np.float32)
