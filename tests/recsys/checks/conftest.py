"""Tables without a fault, to put one fault into: 40 customers, 30 articles, 36 days."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from recsys.paths import Partition
from recsys.schemas import (
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    CLEANED_TRANSACTIONS,
    FEATURES_ARTICLES,
    FEATURES_CUSTOMERS,
)
from recsys.storage import Lake

RUN_DATE = date(2020, 9, 23)
CUSTOMERS, ARTICLES, DAYS, ROWS_A_DAY = range(2, 42), range(2, 32), 36, 120

Rows = list[dict[str, Any]]
Tables = dict[str, pa.Table]


def fill(schema: pa.Schema, rows: Rows) -> pa.Table:
    """Return rows with something in each column that they do not name."""
    return pa.Table.from_pylist(
        [{f.name: _anything(f.type) for f in schema} | row for row in rows], schema=schema
    )


def _anything(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind):
        return "x"
    if pa.types.is_list(kind):
        return []
    return True if pa.types.is_boolean(kind) else RUN_DATE if pa.types.is_date(kind) else 1


def replace(table: pa.Table, column: str, values: dict[int, Any]) -> pa.Table:
    """Return a table with other values in some rows of a column."""
    changed = table.column(column).to_pylist()
    for row, value in values.items():
        changed[row] = value
    index = table.schema.get_field_index(column)
    return table.set_column(
        index, table.schema.field(column), pa.array(changed, table.schema.field(column).type)
    )


@pytest.fixture
def tables() -> Tables:
    """The cleaned tables and the features, each as its schema has it."""
    transactions = [
        {
            "t_dat": RUN_DATE - timedelta(days=DAYS - day),
            "customer_key": CUSTOMERS[n % len(CUSTOMERS)],
            "article_key": ARTICLES[n % len(ARTICLES)],
            "price": 0.02,
        }
        for day in range(DAYS)
        for n in range(ROWS_A_DAY)
    ]
    return {
        "cleaned.articles": fill(CLEANED_ARTICLES, [{"article_key": k} for k in ARTICLES]),
        "cleaned.customers": fill(
            CLEANED_CUSTOMERS, [{"customer_key": k, "age": 30} for k in CUSTOMERS]
        ),
        "cleaned.transactions": fill(CLEANED_TRANSACTIONS, transactions),
        "features.articles": fill(
            FEATURES_ARTICLES, [{"article_key": k, "sales": k} for k in ARTICLES]
        ),
        "features.customers": fill(
            FEATURES_CUSTOMERS, [{"customer_key": k, "age_band": f"{k % 4}0+"} for k in CUSTOMERS]
        ),
    }


@pytest.fixture
def put(lake: Lake) -> Callable[..., None]:
    """Commit tables as of a day; `counts` of the cleaned ones add up unless others are given."""

    def _put(tables: Tables, day: date = RUN_DATE, counts: dict[str, int] | None = None) -> None:
        for name, table in tables.items():
            fingerprint = f"{day} {hash(tuple(map(str, table.to_pylist())))} {counts}"
            with lake.write(Partition(name, str(day)), fingerprint=fingerprint) as draft:
                lake.put_table(draft, table)
                draft.counts = {"rows_read": table.num_rows, "rows_kept": table.num_rows}
                draft.counts |= {"rows_rejected": 0, **(counts or {})}

    return _put
