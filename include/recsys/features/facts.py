"""Facts of customers and articles: what whole histories add up to as of a cutoff.

Facts of customers come from their own purchases alone, and facts of articles are sums over
customers. So histories can be cut by customer over any number of workers, and a night can start
from the facts of an earlier one: only customers who bought since, or whose age the catalogue gives
otherwise, are looked at again. All sums are of whole numbers: every way gives the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.features.history import (
    Ints,
    Pairs,
    Purchases,
    mean_price,
    pack,
    places_of,
    reduce,
    starts_of,
)
from recsys.schemas import FEATURES_ARTICLES, FEATURES_CUSTOMERS

CUSTOMER_FACTS = pa.schema(
    [
        FEATURES_CUSTOMERS.field(name)
        for name in (
            C.CUSTOMER_KEY, "transactions", "purchase_days", "distinct_articles",
            "distinct_product_groups", "mean_price", "channel_2_share", "recency_days",
            "tenure_days", "recent_articles", "recent_days", "recent_quantities", "recent_prices",
        )
    ]
)  # fmt: skip
SUMS = ("sales", "spend", "customers", "repeat_customers", "customers_with_age", "age_sum")
ARTICLE_FACTS = pa.schema(
    [
        FEATURES_ARTICLES.field(name)
        for name in (C.ARTICLE_KEY, *SUMS, "days_on_sale", "days_since_sale")
    ]
)
#: In arrays by key: the value is missing; the key itself is not in the catalogue.
UNKNOWN, ABSENT = -1, -2


@dataclass(frozen=True)
class Catalogue:
    """What facts need of the catalogue, by key, with UNKNOWN and ABSENT.

    ages: int64 [customers], years.
    groups: int64 [articles], a code for each product group.
    """

    ages: Ints
    groups: Ints

    @classmethod
    def of(cls, customers: pa.Table, articles: pa.Table) -> "Catalogue":
        """Return the catalogue of tables with `customer_key, age` and `article_key,
        product_group_name`."""
        names = articles["product_group_name"].combine_chunks().dictionary_encode()
        return cls(
            ages=by_key(customers[C.CUSTOMER_KEY], customers[C.AGE]),
            groups=by_key(articles[C.ARTICLE_KEY], names.indices),
        )


def summarise_customers(
    purchases: Purchases, pairs: Pairs, catalogue: Catalogue, *, history_length: int
) -> pa.Table:
    """Return CUSTOMER_FACTS of all customers of whole histories, by ascending key.

    Articles without a product group do not count among the product groups.
    """
    starts = starts_of(pairs.customers)
    customers = pairs.customers[starts]
    spend, pieces = (reduce(np.add, values, starts) for values in (pairs.spend, pairs.pieces))
    recent = pairs.take(places_of(pairs.customers) < history_length)
    offsets = np.append(starts_of(recent.customers), len(recent.customers))
    columns = {
        C.CUSTOMER_KEY: customers,
        "transactions": pieces,
        "distinct_articles": np.diff(np.append(starts, len(pairs.customers))),
        "distinct_product_groups": _count_groups(customers, pairs, catalogue.groups),
        "mean_price": mean_price(spend, pieces),
        **_activity(purchases, pieces),
        "recent_articles": lists(offsets, recent.articles),
        "recent_days": lists(offsets, recent.days_since),
        "recent_quantities": lists(offsets, recent.pieces),
        "recent_prices": lists(offsets, mean_price(recent.spend, recent.pieces)),
    }
    return as_table(columns, CUSTOMER_FACTS)


def summarise_articles(pairs: Pairs, ages: Ints) -> pa.Table:
    """Return ARTICLE_FACTS of what the customers of the pairs bought, by ascending key.

    Args:
        pairs: of whole histories.
        ages: int64 [customers], as in `Catalogue`.
    """
    order = np.argsort(pairs.articles)
    bought = pairs.take(order)
    starts = starts_of(bought.articles)
    years = at(ages, bought.customers)
    sums = {
        "sales": bought.pieces,
        "spend": bought.spend,
        "customers": np.ones_like(order),
        "repeat_customers": (bought.first_days_since > bought.days_since).astype(np.int64),
        "customers_with_age": (years >= 0).astype(np.int64),
        "age_sum": np.maximum(years, 0),
    }
    columns = {
        C.ARTICLE_KEY: bought.articles[starts],
        **{name: reduce(np.add, values, starts) for name, values in sums.items()},
        "days_on_sale": reduce(np.maximum, bought.first_days_since, starts),
        "days_since_sale": reduce(np.minimum, bought.days_since, starts),
    }
    return as_table(columns, ARTICLE_FACTS)


def add_up_articles(*facts: pa.Table) -> pa.Table:
    """Return ARTICLE_FACTS of disjoint customers together, by ascending key."""
    days = [("days_on_sale", "max"), ("days_since_sale", "min")]
    together = pa.concat_tables(facts).group_by(C.ARTICLE_KEY)
    added = together.aggregate([*((name, "sum") for name in SUMS), *days])
    names = {f"{name}_{how}": name for name, how in [*((n, "sum") for n in SUMS), *days]}
    renamed = added.rename_columns([names.get(name, name) for name in added.column_names])
    return renamed.select(ARTICLE_FACTS.names).cast(ARTICLE_FACTS).sort_by(C.ARTICLE_KEY)


def take_away_articles(facts: pa.Table) -> pa.Table:
    """Return ARTICLE_FACTS that, added up with others, undo what `facts` added to their sums.

    They say nothing of days: an article that was sold stays sold.
    """
    nothing = pa.nulls(len(facts), pa.int32())
    columns = dict.fromkeys(ARTICLE_FACTS.names, nothing) | {C.ARTICLE_KEY: facts[C.ARTICLE_KEY]}
    return as_table(columns | {name: pc.negate(facts[name]) for name in SUMS}, ARTICLE_FACTS)


def age_customers(features: pa.Table, *, days: int) -> pa.Table:
    """Return CUSTOMER_FACTS of FEATURES_CUSTOMERS rows that are so many days old, as of today.

    They hold for customers who bought nothing in these days.
    """
    aged = [_age(batch, days) for batch in features.select(CUSTOMER_FACTS.names).to_batches()]
    return pa.concat_tables([CUSTOMER_FACTS.empty_table(), *aged])


def _age(batch: pa.RecordBatch, days: int) -> pa.Table:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name in ("recency_days", "tenure_days"):
        columns[name] = pc.add(columns[name], days)
    recent = columns["recent_days"]
    columns["recent_days"] = lists(_offsets(recent), pc.add(recent.flatten(), days))
    return as_table(columns, CUSTOMER_FACTS)


def age_articles(features: pa.Table, *, days: int) -> pa.Table:
    """Return ARTICLE_FACTS of FEATURES_ARTICLES rows that are so many days old, as of today."""
    facts = features.filter(pc.field("sales") > 0).select(ARTICLE_FACTS.names)
    columns = dict(zip(facts.column_names, facts.columns, strict=True))
    for name in ("days_on_sale", "days_since_sale"):
        columns[name] = pc.add(columns[name], days)
    return as_table(columns, ARTICLE_FACTS)


def _activity(purchases: Purchases, pieces: Ints) -> dict[str, Any]:
    """Return when and through which channel each customer bought, by ascending customer."""
    bought = purchases.take(np.argsort(pack(purchases.customers, purchases.days_ago)))
    starts = starts_of(bought.customers)
    days = starts_of(bought.customers, bought.days_ago)
    return {
        "purchase_days": np.diff(np.append(np.searchsorted(days, starts), len(days))),
        "recency_days": reduce(np.minimum, bought.days_ago, starts),
        "tenure_days": reduce(np.maximum, bought.days_ago, starts),
        "channel_2_share": reduce(np.add, bought.online_pieces, starts) / pieces,
    }


def _count_groups(customers: Ints, pairs: Pairs, groups: Ints) -> Ints:
    """Return how many product groups each of the customers bought of."""
    group = at(groups, pairs.articles)
    known = group >= 0
    owners, group = pairs.customers[known], group[known]
    order = np.argsort(pack(owners, group))
    distinct = starts_of(owners[order], group[order])
    rows = np.searchsorted(customers, owners[order][distinct])
    return np.bincount(rows, minlength=len(customers))


def by_key(keys: pa.ChunkedArray, values: Any) -> Ints:
    """Return values as int64 by key: UNKNOWN for null, ABSENT for a key that is not there."""
    spread = np.full(int(pc.max(keys).as_py() or 0) + 1, ABSENT, np.int64)
    known = pc.fill_null(pc.cast(values, pa.int64()), UNKNOWN)
    spread[keys.to_numpy()] = known.to_numpy(zero_copy_only=False)
    return spread


def at(values: Ints, keys: Ints) -> Ints:
    """Return values[keys], ABSENT for keys beyond the end."""
    return np.append(values, ABSENT)[np.minimum(keys, len(values))]


def lists(offsets: Ints, values: Any) -> pa.Array:
    """Return the list array that has values[offsets[i]:offsets[i + 1]] as its entry i."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))


def as_table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Return the columns in the schema's order and types; NaN becomes null."""
    arrays = {
        name: pa.array(columns[name], from_pandas=True)
        if isinstance(columns[name], np.ndarray)
        else columns[name]
        for name in schema.names
    }
    return pa.table(arrays).cast(schema)


def _offsets(column: pa.ListArray) -> Ints:
    """Return the offsets [n + 1] of a list array's entries in its flattened values."""
    return np.append(0, np.cumsum(pc.list_value_length(column).to_numpy()))
