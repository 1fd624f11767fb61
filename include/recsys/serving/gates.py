"""A policy each, as a query that counts what breaks it: 0 is what it wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from recsys.config import POLICIES, RecommendationsConfig
from recsys.inference.limits import CAPS
from recsys.inference.offered import KINDS

ROWS = """SELECT {counts}
FROM recs.recommendations AS r JOIN recs.articles AS a USING (article_id)"""
OVER_CAP = """SELECT count(*) FROM (
    SELECT FROM recs.recommendations AS r JOIN recs.articles AS a USING (article_id)
    WHERE a.{column} IS NOT NULL
    GROUP BY r.customer_id, a.{column} HAVING count(*) > %s
) AS groups"""
TOO_FEW_NEW = """SELECT count(*) FROM (
    SELECT FROM recs.recommendations AS r LEFT JOIN recs.new_articles AS n USING (article_id)
    GROUP BY r.customer_id HAVING count(n.article_id) < %s
) AS lists"""


@dataclass(frozen=True)
class Gate:
    """What must not be found: a fault, and SQL with the one parameter `value`."""

    fault: str
    #: A condition that no row may meet, or a query that counts what there may not be.
    sql: str
    value: Any


def row_gates(config: RecommendationsConfig, out_of_stock: list[str]) -> Iterator[Gate]:
    """Yield a condition for each policy that is on and says which articles are recommended.

    Purchases are none of them: they are not in the database, and the audit holds them against the
    lists by itself.

    Args:
        config: what the run's lists were made under.
        out_of_stock: article ids that must not be recommended.
    """
    articles = config.articles
    for setting, column in KINDS.items():
        if only := getattr(articles, setting):
            fault = f"(a.{column} = ANY(%s)) IS NOT TRUE"
            yield Gate(f"rows are of other {setting} than the policy's", fault, list(only))
        if never := getattr(articles, f"without_{setting}"):
            fault = f"a.{column} = ANY(%s)"
            yield Gate(f"rows are of {setting} that are left out", fault, list(never))
    for price, sign in (("min_price", ">="), ("max_price", "<=")):
        if (value := getattr(articles, price)) is not None:
            fault = f"(a.mean_price {sign} %s::real) IS NOT TRUE"
            yield Gate(f"rows do not keep {price} {value:g}", fault, value)
    if out_of_stock:
        yield Gate("rows are out of stock", "r.article_id = ANY(%s)", out_of_stock)


def list_gates(config: RecommendationsConfig) -> Iterator[Gate]:
    """Yield a query for each policy that is on and says what a list holds."""
    for setting, column in CAPS.items():
        if most := getattr(config, setting):
            fault = f"times a customer gets more than {most} of one {column}"
            yield Gate(fault, OVER_CAP.format(column=column), most)
    if places := config.new_places:
        yield Gate(f"customers get less than {places} new articles", TOO_FEW_NEW, places)


def broken_gates(
    connection: Connection, config: RecommendationsConfig, out_of_stock: list[str]
) -> list[str]:
    """Return what each gate that finds something says, as a reader of the active run.

    All conditions of rows are counted by one query, since it reads the whole run.
    """
    rows, lists = list(row_gates(config, out_of_stock)), list(list_gates(config))
    counts: list[int] = []
    with connection.cursor() as cursor:
        # Postgres takes a list for ten articles of few customers, and would join them one by one
        # with all articles: hours at full size, where a hash takes seconds.
        cursor.execute("SET enable_nestloop = off")
        if rows:
            counted = ", ".join(f"count(*) FILTER (WHERE {gate.sql})" for gate in rows)
            cursor.execute(ROWS.format(counts=counted), [gate.value for gate in rows])
            counts += cursor.fetchone() or ()
        for gate in lists:
            cursor.execute(gate.sql, [gate.value])
            counts += cursor.fetchone() or ()
        cursor.execute("RESET enable_nestloop")
    found = zip(counts, [*rows, *lists], strict=True)
    return [f"{count} {gate.fault}" for count, gate in found if count]


def policies_of(connection: Connection, run_id: int) -> RecommendationsConfig:
    """Return what recs.policies says of a run; what a run of before lacks is off."""
    columns = sorted(POLICIES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM recs.policies WHERE run_id = %s",
            (run_id,),
        )
        row = cursor.fetchone()
    assert row is not None
    known = {k: v for k, v in zip(columns, row, strict=True) if v is not None}
    return RecommendationsConfig.model_validate(known)
