"""Numbers and codes out of feature tables, by statistics of the training part alone.

An encoder is fitted once, saved as JSON beside the model, and gives the same arrays in any process.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.examples.numbers import Float32, Number, Transform, fit_number, floats

Int32 = npt.NDArray[np.int32]

#: Feature column -> how it is straightened before it is standardised.
CUSTOMER_NUMBERS: dict[str, Transform] = {
    "transactions": "log1p",
    "purchase_days": "log1p",
    "distinct_articles": "log1p",
    "mean_price": "log",
    "purchase_frequency": "log1p",
    "recency_days": "log1p",
    "tenure_days": "log1p",
    "purchases_1d": "log1p",
    "purchases_3d": "log1p",
    "purchases_7d": "log1p",
    "purchases_14d": "log1p",
    "purchases_30d": "log1p",
    "channel_2_share": "none",
    "distinct_product_groups": "log1p",
    "age": "none",
}
ARTICLE_NUMBERS: dict[str, Transform] = {
    "sales": "log1p",
    "customers": "log1p",
    "sales_1d": "log1p",
    "sales_3d": "log1p",
    "sales_7d": "log1p",
    "sales_14d": "log1p",
    "sales_30d": "log1p",
    "trend": "none",
    "rank_7d": "log1p",
    "mean_price": "log",
    "discount_7d": "none",
    "days_on_sale": "log1p",
    "days_since_sale": "log1p",
    "mean_customer_age": "none",
    "repurchase_rate": "none",
    "is_on_sale": "none",
}
#: Columns whose absence says something: each gets a flag beside its number.
CUSTOMER_FLAGS: tuple[str, ...] = ("mean_price", "age")
ARTICLE_FLAGS: tuple[str, ...] = ("mean_price", "mean_customer_age")
#: The columns of an encoder's numbers, in their order.
CUSTOMER_COLUMNS = (*CUSTOMER_NUMBERS, *(f"{name}_unknown" for name in CUSTOMER_FLAGS))
ARTICLE_COLUMNS = (*ARTICLE_NUMBERS, *(f"{name}_unknown" for name in ARTICLE_FLAGS))

CUSTOMER_CATEGORIES: tuple[str, ...] = (
    "age_band", "club_member_status", "fashion_news_frequency", "fn", "active",
)  # fmt: skip
ARTICLE_CATEGORIES: tuple[str, ...] = (
    "product_type_no", "product_group_name", "graphical_appearance_no", "colour_group_code",
    "perceived_colour_value_id", "perceived_colour_master_id", "department_no", "index_code",
    "section_no", "garment_group_no", C.PRODUCT_CODE, C.ARTICLE_KEY,
)  # fmt: skip
#: A value gets a code of its own where so many pieces with it were sold; others share code 0,
#: which is thereby learned too. It keeps new and rare articles on their content alone.
MIN_SALES: dict[str, int] = {C.PRODUCT_CODE: 20, C.ARTICLE_KEY: 20}
MIN_SALES_DEFAULT = 5


@dataclass(frozen=True)
class Encoder:
    """Statistics and vocabularies; a vocabulary's first value has code 1, 0 is unknown."""

    customer_numbers: tuple[Number, ...]
    article_numbers: tuple[Number, ...]
    customer_vocabularies: Mapping[str, tuple[str, ...]]
    article_vocabularies: Mapping[str, tuple[str, ...]]
    #: So many recent articles of a customer are looked at.
    history_length: int
    interactions: tuple[Number, ...] = ()

    @property
    def customer_sizes(self) -> tuple[int, ...]:
        """How many codes each customer category has, the unknown one included."""
        return tuple(len(v) + 1 for v in self.customer_vocabularies.values())

    @property
    def article_sizes(self) -> tuple[int, ...]:
        """How many codes each article category has, the unknown one included."""
        return tuple(len(v) + 1 for v in self.article_vocabularies.values())

    def encode_customers(self, features: pa.Table) -> tuple[Float32, Int32]:
        """Return numbers float32 [rows, Fc] and codes int32 [rows, Cc] of features.customers."""
        return (
            _numbers(features, self.customer_numbers, CUSTOMER_FLAGS),
            _all_codes(features, self.customer_vocabularies),
        )

    def encode_articles(self, features: pa.Table, articles: pa.Table) -> tuple[Float32, Int32]:
        """Return numbers float32 [rows, Fa] of features.articles, and codes int32 [rows, Ca] of
        cleaned.articles, each in the order of its own table."""
        return (
            _numbers(features, self.article_numbers, ARTICLE_FLAGS),
            _all_codes(articles, self.article_vocabularies),
        )

    def encode_interactions(self, features: Float32) -> Float32:
        """Return standardised pair features [..., P]; overwrites its argument, which has no NaN.

        It runs on every pair of a night, hence in place, in the argument's own precision.
        """
        low, high, mean, scale = (
            np.array([getattr(number, name) for number in self.interactions], features.dtype)
            for name in ("low", "high", "mean", "scale")
        )
        np.clip(features, low, high, out=features)
        features -= mean
        features /= scale
        return features

    def with_interactions(self, names: Sequence[str], features: Float32) -> "Encoder":
        """Return this encoder, with statistics of training pairs' features [rows, P]."""
        numbers = tuple(fit_number(n, "none", features[:, i]) for i, n in enumerate(names))
        return replace(self, interactions=numbers)

    def to_json(self) -> str:
        """Return everything as JSON text; `from_json` gives back an equal encoder."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Encoder":
        """Return the encoder that `to_json` wrote."""
        raw = json.loads(text)
        for key in ("customer_numbers", "article_numbers", "interactions"):
            raw[key] = tuple(Number(**number) for number in raw[key])
        for key in ("customer_vocabularies", "article_vocabularies"):
            raw[key] = {name: tuple(values) for name, values in raw[key].items()}
        return cls(**raw)


def fit_encoder(
    customers: Sequence[pa.Table],
    articles: Sequence[pa.Table],
    catalogue: pa.Table,
    *,
    history_length: int,
) -> Encoder:
    """Return the encoder of the training part.

    Args:
        customers: features.customers of each training snapshot.
        articles: features.articles of the same snapshots, the latest one last.
        catalogue: cleaned.articles; only values of articles sold by the latest snapshot count.
    """
    customer_table, article_table = pa.concat_tables(customers), pa.concat_tables(articles)
    return Encoder(
        customer_numbers=_fit(customer_table, CUSTOMER_NUMBERS),
        article_numbers=_fit(article_table, ARTICLE_NUMBERS),
        customer_vocabularies={
            name: _vocabulary(customer_table, name) for name in CUSTOMER_CATEGORIES
        },
        article_vocabularies=_article_vocabularies(articles[-1], catalogue),
        history_length=history_length,
    )


def codes(column: pa.ChunkedArray, vocabulary: Sequence[str]) -> Int32:
    """Return int32 [rows]: 1 + the value's place in the vocabulary; 0 for null and unknown."""
    places = pc.index_in(_texts(column), pa.array(vocabulary, pa.string()))
    return np.asarray(pc.fill_null(places, -1).to_numpy(), np.int32) + 1


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string())


def _fit(table: pa.Table, columns: Mapping[str, Transform]) -> tuple[Number, ...]:
    return tuple(fit_number(n, t, floats(table[n])) for n, t in columns.items())


def _numbers(table: pa.Table, numbers: Sequence[Number], flags: Sequence[str]) -> Float32:
    encoded = np.empty((table.num_rows, len(numbers) + len(flags)), np.float32)
    for column, number in enumerate(numbers):
        encoded[:, column] = number.apply(floats(table[number.name]))
    for column, name in enumerate(flags, start=len(numbers)):
        encoded[:, column] = np.isnan(floats(table[name]))
    return encoded


def _all_codes(table: pa.Table, vocabularies: Mapping[str, Sequence[str]]) -> Int32:
    columns = [codes(table[name], vocabulary) for name, vocabulary in vocabularies.items()]
    return np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0), np.int32)


def _vocabulary(table: pa.Table, name: str) -> tuple[str, ...]:
    values = pc.unique(_texts(table[name])).to_pylist()
    return tuple(sorted(v for v in values if v is not None))


def _article_vocabularies(features: pa.Table, catalogue: pa.Table) -> dict[str, tuple[str, ...]]:
    sold = features.select([C.ARTICLE_KEY, "sales"])
    joined = catalogue.select(list(ARTICLE_CATEGORIES)).join(sold, C.ARTICLE_KEY, join_type="inner")
    return {
        name: _sold_values(joined, name, MIN_SALES.get(name, MIN_SALES_DEFAULT))
        for name in ARTICLE_CATEGORIES
    }


def _sold_values(table: pa.Table, name: str, min_sales: int) -> tuple[str, ...]:
    """Return the values with enough pieces sold, in text order; -1 and null are unknown."""
    pairs = pa.table({"value": _texts(table[name]), "sales": table["sales"]})
    totals = pairs.group_by("value").aggregate([("sales", "sum")])
    often = totals.filter(pc.greater_equal(totals["sales_sum"], min_sales))
    return tuple(sorted(v for v in often["value"].to_pylist() if v not in (None, "-1")))
