"""The recommendations as a user of the database sees them."""

from typing import Any, Literal

import psycopg2
from rich.table import Table

from stack.api import StackError

#: Of the first customers by id, the one whose list says most: a new customer's says little.
SAMPLE = """
select c.customer_id
from (select customer_id from recs.customers order by customer_id limit 100) c
left join recs.recommendations r using (customer_id)
group by c.customer_id
order by count(distinct r.reason) desc, c.customer_id
limit 1
"""

TOP = """
select r.rank, r.article_id, a.prod_name, a.product_type_name, a.colour_group_name,
       a.mean_price, r.score, r.reason
from recs.recommendations r join recs.articles a using (article_id)
where r.customer_id = %s
order by r.rank
limit 12
"""

#: Headings, and the width below which a column is never shortened: what one copies is kept whole.
COLUMNS = {
    "rank": 4, "article": 10, "name": None, "type": None, "colour": None, "price": 6, "score": 5,
    "reason": None,
}  # fmt: skip


def read_sample(url: str) -> tuple[str, list[tuple[Any, ...]]]:
    """Return the customer of `SAMPLE` and their best 12 rows of `TOP`.

    Raises:
        StackError: no run is active.
    """
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(SAMPLE)
            found = cursor.fetchone()
            if found is None:
                raise StackError("the database holds no active run: `make run` publishes one")
            cursor.execute(TOP, found)
            return str(found[0]), cursor.fetchall()
    finally:
        connection.close()


def recommendation_table(customer_id: str, rows: list[tuple[Any, ...]]) -> Table:
    """Return a customer's recommendations as a table."""
    table = Table(
        title=f"{len(rows)} recommendations for customer {customer_id[:16]}...",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for heading, width in COLUMNS.items():
        is_number = heading in ("rank", "price", "score")
        table.add_column(
            heading, min_width=width, justify="right" if is_number else "left", no_wrap=True
        )
    for *words, price, score, reason in rows:
        shown = "" if price is None else f"{price:.4f}"
        table.add_row(*map(str, words), shown, f"{score:.3f}", str(reason))
    return table
