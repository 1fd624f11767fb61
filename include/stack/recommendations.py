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

HEADINGS = ("rank", "article", "name", "type", "colour", "price", "score", "reason")
NUMBERS = ("rank", "price", "score")


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
    for heading in HEADINGS:
        justify: Literal["right", "left"] = "right" if heading in NUMBERS else "left"
        # One row a line: a long name gives way.
        table.add_column(heading, justify=justify, no_wrap=True)
    for *words, price, score, reason in rows:
        shown = "" if price is None else f"{price:.4f}"
        table.add_row(*map(str, words), shown, f"{score:.3f}", str(reason))
    return table
