"""What is known of each customer as of a cutoff."""

import os
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import Columns as C
from recsys.features.facts import CUSTOMER_FACTS, as_table
from recsys.features.history import Purchases, count_windows
from recsys.schemas import FEATURES_CUSTOMERS

#: Rows that one thread takes at a time.
SLICE_ROWS = 125_000
#: The facts of a customer who never bought; what is not here is null.
NOBODY = {
    "transactions": 0, "purchase_days": 0, "distinct_articles": 0, "distinct_product_groups": 0,
    "recent_articles": [], "recent_days": [], "recent_quantities": [], "recent_prices": [],
}  # fmt: skip


def describe_customers(facts: pa.Table, recent: Purchases, customers: pa.Table) -> pa.Table:
    """Return FEATURES_CUSTOMERS: one row for each of `customers`, by ascending key.

    Counts of a customer who never bought are 0 and the recent articles are empty; means, shares and
    days are null.

    Args:
        facts: CUSTOMER_FACTS as of the cutoff, in any order; of a customer's rows the first holds.
        recent: at least the purchases of the last 30 days before the cutoff.
        customers: cleaned.customers.
    """
    customers = customers.sort_by(C.CUSTOMER_KEY)
    keys = customers[C.CUSTOMER_KEY].to_numpy()
    facts = rows_by_key(facts, customers[C.CUSTOMER_KEY], otherwise=NOBODY)
    size = int(max(keys.max(initial=0), recent.customers.max(initial=0))) + 1
    windows = count_windows(recent.customers, recent, size=size)
    weeks = pc.divide(pc.cast(facts["tenure_days"], pa.float64()), 7)
    columns = {
        **{name: customers[name] for name in customers.column_names},
        **{name: facts[name] for name in CUSTOMER_FACTS.names},
        **{f"purchases_{days}d": pieces[keys] for days, pieces in windows.items()},
        C.CUSTOMER_KEY: customers[C.CUSTOMER_KEY],
        "purchase_frequency": pc.divide(facts["purchase_days"], weeks),
    }
    return as_table(columns, FEATURES_CUSTOMERS)


def rows_by_key(
    facts: pa.Table, keys: pa.ChunkedArray, *, otherwise: dict[str, object]
) -> pa.Table:
    """Return the row of each key, in the order of the keys; facts of none where there is no row.

    Args:
        facts: its first column is the key; of rows with the same key the first holds.
        keys: the keys wanted.
        otherwise: facts of a key that has no row; null where it names none.
    """
    none = pa.Table.from_pylist([otherwise], facts.schema)
    found = pc.index_in(keys, facts.column(0).combine_chunks())
    rows = pc.fill_null(found, len(facts))
    # Arrow takes rows on one core, and most of a customer's bytes are long lists.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        columns = pool.map(pa.ChunkedArray.combine_chunks, pa.concat_tables([facts, none]).columns)
        whole = pa.table(list(columns), schema=facts.schema)
        slices = [rows.slice(start, SLICE_ROWS) for start in range(0, len(rows), SLICE_ROWS)]
        return pa.concat_tables([whole.slice(0, 0), *pool.map(whole.take, slices)])
