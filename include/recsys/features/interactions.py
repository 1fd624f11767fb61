"""Features of customer-article pairs, made the same way for training and for the nightly run.

NumPy only, and never more than a few megabytes beside the result: a customer's history is sorted
or added up once, then every candidate is looked up in it, so the cost is `n * (L + m)`, where
comparing all with all would be `n * L * m`.
"""

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import FIRST_KEY
from recsys.columns import Columns as C

Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

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

#: Article attribute -> its column of cleaned.articles; customers have a taste in each of them.
TASTES: dict[str, str] = {
    "product_type": "product_type_no",
    "product_group": "product_group_name",
    "department": "department_no",
    "colour": "colour_group_code",
    "index_group": "index_group_no",
    "section": "section_no",
    "garment_group": "garment_group_no",
}

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


@dataclass(frozen=True)
class CustomerRows:
    """What is known of n customers as of one cutoff; L is the length of the history.

    recent_articles: int32 [n, L], keys, latest first, 0 = padding. Articles are distinct in a row.
    recent_days: float32 [n, L], days since that article's last purchase; anything on padding.
    recent_quantities: float32 [n, L], pieces ever bought of it; anything on padding.
    mean_price: float32 [n], NaN: never bought.
    age: float32 [n], years, NaN: unknown.
    cutoff: the day as of which all of this is true.
    """

    recent_articles: Int32
    recent_days: Float32
    recent_quantities: Float32
    mean_price: Float32
    age: Float32
    cutoff: date

    @classmethod
    def from_table(cls, customers: pa.Table, *, cutoff: date, length: int) -> "CustomerRows":
        """Return rows of a features.customers table, in its order, histories cut to `length`."""
        return cls(
            recent_articles=pad_lists(customers["recent_articles"], length).astype(np.int32),
            recent_days=pad_lists(customers["recent_days"], length).astype(np.float32),
            recent_quantities=pad_lists(customers["recent_quantities"], length).astype(np.float32),
            mean_price=_floats(customers["mean_price"]),
            age=_floats(customers[C.AGE]),
            cutoff=cutoff,
        )

    def take(self, rows: Any) -> "CustomerRows":
        """Return the customers that a slice or an index array [k] picks; they may repeat."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "cutoff"}
        return replace(self, **arrays)


@dataclass(frozen=True)
class Catalogue:
    """What is known of every article as of one cutoff: arrays indexed by article key.

    Codes are dense from 0; -1 is unknown and equals nothing. Keys 0 and 1 are all unknown.

    product_code: int32 [articles].
    tastes: a name of TASTES -> int32 [articles].
    mean_price: float32 [articles], NaN: never sold.
    mean_customer_age: float32 [articles], years, NaN: unknown.
    """

    product_code: Int32
    tastes: dict[str, Int32]
    mean_price: Float32
    mean_customer_age: Float32

    @classmethod
    def from_tables(cls, articles: pa.Table, features: pa.Table) -> "Catalogue":
        """Return the catalogue of cleaned.articles and features.articles tables, in any order."""
        size = max([FIRST_KEY - 1, *_keys(articles), *_keys(features)]) + 1
        return cls(
            product_code=_scatter(articles, _codes(articles[C.PRODUCT_CODE]), size, -1),
            tastes={
                name: _scatter(articles, _codes(articles[column]), size, -1)
                for name, column in TASTES.items()
            },
            mean_price=_scatter(features, _floats(features["mean_price"]), size, np.nan),
            mean_customer_age=_scatter(
                features, _floats(features["mean_customer_age"]), size, np.nan
            ),
        )


@dataclass(frozen=True)
class ArticleRows:
    """m candidates for each of n customers.

    article_keys: int32 [n, m]; 0 (padding) is allowed and gets neutral values.
    catalogue: the articles that the keys, and the customers' histories, point into.
    """

    article_keys: Int32
    catalogue: Catalogue


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


def pad_lists(column: pa.ChunkedArray, length: int) -> npt.NDArray[Any]:
    """Return a list column as [n, length], each list cut to its first entries, 0 behind its end."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # no chunk at all
        return np.zeros((0, length), np.int32)
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    starts = np.cumsum(sizes) - sizes
    position = np.arange(length)
    inside = position < sizes[:, None]
    padded = np.zeros((len(sizes), length), values.dtype)
    padded[inside] = values[(starts[:, None] + position)[inside]]
    return padded


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


def _keys(table: pa.Table) -> npt.NDArray[Any]:
    return np.asarray(table[C.ARTICLE_KEY].to_numpy())


def _scatter(table: pa.Table, values: npt.NDArray[Any], size: int, missing: float) -> Any:
    spread = np.full(size, missing, values.dtype)
    spread[_keys(table)] = values
    return spread


def _codes(column: pa.ChunkedArray) -> Int32:
    """Return dense codes in the order of the values; -1 for null, and for -1, H&M's unknown."""
    values = column.combine_chunks()
    unknown = "-1" if pa.types.is_string(values.type) else -1
    known = sorted(set(values.to_pylist()) - {None, unknown})
    found = pc.index_in(values, pa.array(known, values.type))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int32)


def _floats(column: pa.ChunkedArray) -> Float32:
    return np.asarray(pc.cast(column, pa.float32()).to_numpy(), np.float32)
