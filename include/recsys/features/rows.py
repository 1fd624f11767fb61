"""What pairs of customers and articles are described by: rows of either, as of one cutoff."""

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
