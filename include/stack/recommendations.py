"""The recommendations as a user of the database sees them."""

from typing import Any, Literal

import psycopg2
from rich.table import Table
from rich.text import Text

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
WORDS = ("name", "type", "colour", "reason")


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
        # Rich takes width only from columns that may wrap; what one copies stays whole.
        table.add_column(heading, justify=justify, no_wrap=heading not in WORDS)
    for rank, article, *words, price, score, reason in rows:
        shown = "" if price is None else f"{price:.4f}"
        name, kind, colour, why = (_one_line(str(word)) for word in (*words, reason))
        table.add_row(str(rank), article, name, kind, colour, shown, f"{score:.3f}", why)
    return table


def _one_line(words: str) -> Text:
    """Return words that give way at their end rather than take a second line."""
    return Text(words, no_wrap=True, overflow="ellipsis")
