"""A small lake to publish from: four customers, six articles, three recommendations each."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys import schemas
from recsys.config import PublishConfig
from recsys.paths import Partition
from recsys.serving.migrate import migrate
from recsys.serving.publish import Outcome, publish
from recsys.serving.snapshot import Run, Snapshot
from recsys.storage import Lake

DAY = "2020-09-22"

CUSTOMERS = [
    {"customer_key": 2, "customer_id": "a" * 64, "age_band": "20-24"},
    {"customer_key": 3, "customer_id": "b" * 64, "age_band": "20-24"},
    {"customer_key": 4, "customer_id": "c" * 64, "age_band": "unknown"},
    {"customer_key": 5, "customer_id": "d" * 64, "age_band": "60+"},
]
ARTICLE_NAMES = ["Strap top", 'Trousers, "wide"', "Blå kjole", "Socks", "Hat", "Scarf"]
LISTS = {2: [2, 3, 4], 3: [3, 4, 5], 4: [7, 6, 5], 5: [4, 3, 2]}
#: Customer, article, days ago: 2 bought article 5 twenty days ago and article 6 two days ago.
PURCHASES = [(2, 5, 20), (2, 6, 2), (3, 2, 1), (5, 7, 400)]


def _rows(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    empty: dict[str, Any] = dict.fromkeys(schema.names)
    return pa.Table.from_pylist([empty | row for row in rows], schema=schema)


def _lists(lists: dict[int, list[int]], scores: tuple[float, ...]) -> list[dict[str, Any]]:
    return [
        {
            "customer_key": customer,
            "rank": rank,
            "article_key": article,
            "score": score,
            "reason": "popular now" if rank > 1 else "picked for you",
        }
        for customer, articles in lists.items()
        for rank, (article, score) in enumerate(zip(articles, scores, strict=False), start=1)
    ]


def _transactions(run_date: date) -> pa.Table:
    bought = [(run_date - timedelta(days=days), c, a, 1) for c, a, days in PURCHASES]
    # Bought on the run date, the first of customer 2's list is no past purchase yet.
    return make_transactions([*bought, (run_date, 2, 2, 1)])


@pytest.fixture
def fill_lake(lake: Lake) -> Callable[..., Snapshot]:
    """Write all inputs of a run date and return them; arguments replace the recommendations."""

    def fill(
        day: str = DAY,
        *,
        lists: dict[int, list[int]] = LISTS,
        scores: tuple[float, ...] = (0.9, 0.5, 0.25),
        rows: list[dict[str, Any]] | None = None,
        policy: str = "all",
        offered: Sequence[int] = range(2, 8),
        names: Sequence[str] = ARTICLE_NAMES,
    ) -> Snapshot:
        articles = [
            {
                "article_key": key,
                "article_id": f"010877500{key}",
                "product_code": "0108775",
                "prod_name": name,
                "product_type_name": "Top",
                "colour_group_name": "Black",
            }
            for key, name in enumerate(names, start=2)
        ]
        features = [
            {"article_key": 2, "mean_price": 0.025, "days_on_sale": 9, "is_on_sale": True},
            {"article_key": 3, "mean_price": 0.05, "days_on_sale": 99, "is_on_sale": False},
        ]
        similar = [(2, 2, 4, 0.5), (2, 1, 3, 0.75), (3, 1, 2, 0.75)]
        popular = [("all", 1, 7, 40.0), ("all", 2, 2, 30.0), ("20-24", 1, 3, 9.0)]
        tables = {
            "cleaned.customers": _rows(schemas.CLEANED_CUSTOMERS, CUSTOMERS),
            "cleaned.articles": _rows(schemas.CLEANED_ARTICLES, articles),
            "features.articles": _rows(schemas.FEATURES_ARTICLES, features),
            "features.popularity": _rows(
                schemas.FEATURES_POPULARITY,
                [
                    {"age_band": b, "rank": r, "article_key": a, "score": s}
                    for b, r, a, s in popular
                ],
            ),
            "recommendations.offered": pa.table([offered], schema=schemas.OFFERED),
            "recommendations.similar_articles": _rows(
                schemas.SIMILAR_ARTICLES,
                [
                    {"article_key": a, "rank": r, "similar_article_key": o, "score": s}
                    for a, r, o, s in similar
                ],
            ),
            "recommendations.lists": _rows(
                schemas.RECOMMENDATIONS, _lists(lists, scores) if rows is None else rows
            ),
        }
        settings = {"k": 3, "policy": policy, "policy_days": 30}
        for name, table in tables.items():
            with lake.write(
                Partition(name, day), fingerprint=f"{name}@{day}", settings=settings
            ) as draft:
                draft.notes = {"model_version": "model-1", "weights": "random"}
                lake.put_table(draft, table)
        commit_transactions(lake, day, _transactions(date.fromisoformat(day)))
        return Snapshot(lake, day)

    return fill


def make_run(day: str = DAY, **changes: Any) -> Run:
    """Return the run that `fill_lake` has the inputs of."""
    facts: dict[str, Any] = {
        "run_date": date.fromisoformat(day).isoformat(),
        "source": "shop-1",
        "model_version": "model-1",
        "policy": "all",
        "policy_days": 30,
        "k": 3,
        "fingerprint": f"fingerprint-{day}",
        "inputs": {"recommendations.lists": f"recommendations.lists@{day}"},
        "notes": {"weights": "random"},
    }
    return Run(**(facts | changes))


@pytest.fixture
def run_of() -> Callable[..., Run]:
    """`make_run`, for tests to call."""
    return make_run


@pytest.fixture
def database(postgres_url: str) -> str:
    """The URL of a database with the schema, for recs_loader as it logs in."""
    migrate(postgres_url)
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER ROLE recs_loader LOGIN PASSWORD 'loader'")
    connection.close()
    return f"postgresql://recs_loader:loader@{postgres_url.split('@')[1]}"


@pytest.fixture
def query(database: str, postgres_url: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Run one statement in a session of its own, as a role, and return its rows."""

    def run(statement: str, *values: Any, role: str = "recs_reader") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(postgres_url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {role}")
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    return run


@pytest.fixture
def publish_day(database: str, fill_lake: Callable[..., Snapshot]) -> Callable[..., Outcome]:
    """Fill the lake for a day and publish it."""

    def run(day: str = DAY, *, settings: PublishConfig | None = None, **changes: Any) -> Outcome:
        inputs = ("lists", "scores", "rows", "offered", "names")
        snapshot = fill_lake(day, **{k: changes.pop(k) for k in inputs if k in changes})
        return publish(database, snapshot, make_run(day, **changes), settings or PublishConfig())

    return run
