"""A small world with something to learn: customers of two tastes, articles of two kinds."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys import schemas
from recsys.examples.encode import Encoder, fit_encoder
from recsys.models.batches import Examples, collect_examples, read_positives
from recsys.models.inputs import Snapshot, build_snapshot
from recsys.paths import Partition
from recsys.storage import Lake

CUSTOMERS, ARTICLES, HISTORY = 60, 40, 8
CUTOFF = date(2020, 9, 16)


def make_articles() -> pa.Table:
    """Return cleaned.articles: even keys are of one kind, odd keys of the other."""
    keys = np.arange(2, 2 + ARTICLES)
    rows = {
        name: [f"{name}-{key % 2}" for key in keys]
        if field.type == pa.string()
        else [int(key % 2) for key in keys]
        for name, field in zip(
            schemas.CLEANED_ARTICLES.names, schemas.CLEANED_ARTICLES, strict=True
        )
    }
    rows["article_key"] = keys.tolist()
    rows["product_code"] = [f"{key:07d}" for key in keys]
    return pa.table(rows, schemas.CLEANED_ARTICLES)


def make_article_features() -> pa.Table:
    """Return features.articles; the last article was never sold."""
    keys = np.arange(2, 2 + ARTICLES)
    sold = keys < 1 + ARTICLES
    sales = np.where(sold, 30 + keys % 7, 0)
    known = {
        "article_key": keys,
        "sales": sales,
        "customers": sales,
        "sales_1d": sales // 20,
        "sales_3d": sales // 10,
        "sales_7d": sales // 5,
        "sales_14d": sales // 3,
        "sales_30d": sales // 2,
        "trend": np.zeros(ARTICLES),
        "mean_price": pa.array(0.02 + 0.001 * (keys % 5), mask=~sold),
        "days_on_sale": pa.array(keys, mask=~sold),
        "days_since_sale": pa.array(keys % 3 + 1, mask=~sold),
        "mean_customer_age": pa.array(20.0 + keys % 30, mask=~sold),
        "repurchase_rate": np.zeros(ARTICLES),
        "is_on_sale": sold,
    }
    nothing = pa.nulls(ARTICLES)
    columns = {name: known.get(name, nothing) for name in schemas.FEATURES_ARTICLES.names}
    return pa.table(columns).cast(schemas.FEATURES_ARTICLES)


def make_customer_features() -> pa.Table:
    """Return features.customers: a customer buys the kind of its key; the last never bought."""
    random = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for key in range(2, 2 + CUSTOMERS):
        bought = key < 1 + CUSTOMERS
        kind = np.arange(2 + key % 2, 1 + ARTICLES, 2)
        recent = random.choice(kind, 5, replace=False).tolist() if bought else []
        rows.append(
            {
                "customer_key": key,
                "transactions": len(recent),
                "purchase_days": len(recent),
                "distinct_articles": len(recent),
                "mean_price": 0.02 if bought else None,
                "purchase_frequency": 1.0 if bought else None,
                "recency_days": key % 9 + 1 if bought else None,
                "tenure_days": key % 9 + 90 if bought else None,
                "purchases_1d": 0,
                "purchases_3d": 0,
                "purchases_7d": key % 3 if bought else 0,
                "purchases_14d": key % 3 if bought else 0,
                "purchases_30d": len(recent),
                "channel_2_share": 0.5 if bought else None,
                "distinct_product_groups": 1 if bought else 0,
                "age": float(20 + key) if key % 10 else None,
                "age_band": "30-39" if key % 10 else "unknown",
                "club_member_status": "ACTIVE" if key % 4 else None,
                "fashion_news_frequency": "NONE",
                "fn": None,
                "active": True if key % 2 else None,
                "recent_articles": recent,
                "recent_days": [i + 1 for i in range(len(recent))],
                "recent_quantities": [1] * len(recent),
                "recent_prices": [0.02] * len(recent),
            }
        )
    return pa.Table.from_pylist(rows, schemas.FEATURES_CUSTOMERS)


def make_pairs(cutoff: date = CUTOFF, part: str = "train", seed: int = 2) -> pa.Table:
    """Return examples.pairs: six positives a customer, of its kind, each with four negatives."""
    random = np.random.default_rng(seed)
    rows = []
    for key in range(2, 1 + CUSTOMERS):
        own, other = (np.arange(2 + (key + i) % 2, 1 + ARTICLES, 2) for i in (0, 1))
        for positive in random.choice(own, 6, replace=False):
            negatives = random.choice(other, 4, replace=False)
            for label, article in [(1, positive), *((0, n) for n in negatives)]:
                rows.append((part, cutoff, len(rows) // 5, key, int(article), label, cutoff))
    columns = zip(*rows, strict=True)
    return pa.table(
        dict(zip(schemas.EXAMPLES_PAIRS.names, map(list, columns), strict=True)),
        schemas.EXAMPLES_PAIRS,
    )


def fill_lake(lake: Lake, run_date: date, *, images: bool = True) -> None:
    """Commit what training reads: two training snapshots, one of validation, one of test."""
    days = [run_date - timedelta(weeks=i) for i in (4, 3, 2, 1)]
    parts = ("train", "train", "validation", "test")
    split = [
        {"part": part, "cutoff": day, "label_end": day + timedelta(weeks=1)}
        for part, day in zip(parts, days, strict=True)
    ]
    pairs = [make_pairs(d, part, i) for i, (part, d) in enumerate(zip(parts, days, strict=True))]
    _commit(lake, "examples.split", run_date, pa.Table.from_pylist(split, schemas.EXAMPLES_SPLIT))
    _commit(lake, "examples.pairs", run_date, pa.concat_tables(pairs))
    _commit(lake, "cleaned.articles", run_date, make_articles())
    for day in days:
        _commit(lake, "features.customers", day, make_customer_features())
        _commit(lake, "features.articles", day, make_article_features())
        _commit(lake, "features.popularity", day, _popularity())
        _commit(lake, "features.copurchases", day, schemas.FEATURES_COPURCHASES.empty_table())
    commit_transactions(lake, run_date, make_history(days[0]))
    _commit_images(lake, ARTICLES if images else 0)


def _commit(lake: Lake, dataset: str, key: date, table: pa.Table) -> None:
    with lake.write(Partition(dataset, str(key)), fingerprint=f"{dataset} {key}") as draft:
        lake.put_table(draft, table)


def _commit_images(lake: Lake, count: int) -> None:
    random = np.random.default_rng(4)
    components = random.normal(size=(3, 6)).astype(np.float32)[: 3 if count else 0]
    embeddings = random.normal(size=(count, 6)).astype(np.float32)
    partition = Partition("images.embeddings", "all")
    with lake.write(partition, fingerprint=f"images {count}") as draft:
        folder = Path(draft.path)
        np.save(folder / "article_keys.npy", np.arange(2, 2 + count, dtype=np.int32))
        np.save(folder / "embeddings.npy", embeddings)
        np.save(folder / "reduced.npy", embeddings @ components.T)
        np.savez(folder / "pca.npz", mean=np.zeros(6, np.float32), components=components)
        draft.rows, draft.notes = count, {"weights": "random"}


def make_history(cutoff: date) -> pa.Table:
    """Return cleaned.transactions that the customer features tell of as of a cutoff."""
    return make_transactions(
        [
            (cutoff - timedelta(days=days), row["customer_key"], article, 1)
            for row in make_customer_features().to_pylist()
            for article, days in zip(row["recent_articles"], row["recent_days"], strict=True)
        ]
    )


def _popularity() -> pa.Table:
    keys = list(range(2, 12))
    return pa.table(
        {
            "age_band": ["all"] * len(keys),
            "rank": list(range(1, 1 + len(keys))),
            "article_key": keys,
            "score": [float(50 - key) for key in keys],
        },
        schemas.FEATURES_POPULARITY,
    )


@pytest.fixture(scope="session")
def articles() -> pa.Table:
    return make_articles()


@pytest.fixture(scope="session")
def article_features() -> pa.Table:
    return make_article_features()


@pytest.fixture(scope="session")
def customer_features() -> pa.Table:
    return make_customer_features()


@pytest.fixture(scope="session")
def encoder(customer_features: pa.Table, article_features: pa.Table, articles: pa.Table) -> Encoder:
    return fit_encoder([customer_features], [article_features], articles, history_length=HISTORY)


@pytest.fixture(scope="session")
def images() -> tuple[Any, Any]:
    """Reduced images of all articles but the last: three numbers each."""
    keys = np.arange(2, 1 + ARTICLES, dtype=np.int32)
    return keys, np.random.default_rng(3).normal(size=(len(keys), 3)).astype(np.float32)


@pytest.fixture(scope="session")
def snapshot(
    customer_features: pa.Table,
    article_features: pa.Table,
    articles: pa.Table,
    encoder: Encoder,
    images: tuple[Any, Any],
) -> Snapshot:
    return build_snapshot(
        customer_features, article_features, articles, cutoff=CUTOFF, encoder=encoder, images=images
    )


@pytest.fixture(scope="session")
def pairs() -> pa.Table:
    return make_pairs()


@pytest.fixture(scope="session")
def pairs_maker() -> Callable[..., pa.Table]:
    return make_pairs


@pytest.fixture(scope="module")
def examples(snapshot: Snapshot, encoder: Encoder, pairs: pa.Table) -> tuple[Examples, Encoder]:
    return collect_examples([(snapshot, p) for p in read_positives(pairs)], encoder)
