"""A world of six articles and four customers that fits on a page, and a model of known scores."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recsys.config import CandidatesConfig
from recsys.examples.encode import ARTICLE_COLUMNS, CUSTOMER_COLUMNS
from recsys.features.rows import Catalogue, CustomerRows
from recsys.inference.purchases import DECAYS, PURCHASES
from recsys.inference.run import Scorer
from recsys.inference.sources import Sources
from recsys.job import Job
from recsys.manifest import Part
from recsys.models.inputs import Snapshot
from recsys.paths import Partition
from recsys.schemas import AGE_BANDS, CLEANED_TRANSACTIONS
from recsys.storage import Lake

ARTICLES = 9  # keys 2..8; 8 is not on sale
CUSTOMERS = 6  # keys 2..5


class FixedModel:
    """Scores article a at a / 10 for everyone; customer 2 likes article 3 best of all."""

    version = "fixed"
    encoder = None
    pca = None
    trees = None
    rankers: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.metrics = {"threshold": 0.45}
        self.asked: list[tuple[int, ...]] = []

    def article_vectors(self, snapshot: Snapshot) -> np.ndarray:
        vectors = np.zeros((ARTICLES, 2), np.float32)
        vectors[2:, 0] = np.arange(2, ARTICLES)
        vectors[2:, 1] = 1
        return vectors

    def customer_vectors(self, snapshot: Snapshot, customer_keys: np.ndarray) -> np.ndarray:
        return np.tile(np.array([[1, 0]], np.float32), (len(customer_keys), 1))

    def score_pairs(
        self, snapshot: Snapshot, customer_keys: np.ndarray, article_keys: np.ndarray
    ) -> np.ndarray:
        self.asked.append(article_keys.shape)
        scores = article_keys.astype(np.float32) / 10
        scores[(customer_keys[:, None] == 2) & (article_keys == 3)] = 0.95
        scores[article_keys == 0] = -np.inf
        return scores


@pytest.fixture
def fixed_model() -> FixedModel:
    return FixedModel()


@pytest.fixture
def toy_snapshot() -> Snapshot:
    """Customers 2 and 3 are 20-24, 4 is 60+, 5 unknown; articles 2 and 3 are one product."""
    recent = np.zeros((CUSTOMERS, 2), np.int32)
    days = np.zeros((CUSTOMERS, 2), np.float32)
    recent[2], days[2] = [2, 8], [1, 40]
    recent[3], days[3] = [4, 0], [90, 0]
    bands = [AGE_BANDS.index(b) for b in ("unknown", "unknown", "20-24", "20-24", "60+", "unknown")]
    unknown = np.full(CUSTOMERS, np.nan, np.float32)
    on_sale = np.zeros(ARTICLES, bool)
    on_sale[2:8] = True
    return Snapshot(
        cutoff=date(2020, 9, 1),
        customer_numbers=np.zeros((CUSTOMERS, len(CUSTOMER_COLUMNS)), np.float32),
        customer_categories=np.zeros((CUSTOMERS, 1), np.int32),
        customers=CustomerRows(
            recent, days, (recent > 0).astype(np.float32), unknown, unknown, date(2020, 9, 1)
        ),
        age_bands=np.array(bands, np.int8),
        article_numbers=np.zeros((ARTICLES, len(ARTICLE_COLUMNS)), np.float32),
        article_categories=np.zeros((ARTICLES, 1), np.int32),
        image_vectors=np.zeros((ARTICLES, 0), np.float32),
        catalogue=Catalogue(
            product_code=np.array([-1, -1, 0, 0, 1, 2, 3, 4, 0], np.int32),
            tastes={},
            mean_price=np.full(ARTICLES, np.nan, np.float32),
            mean_customer_age=np.full(ARTICLES, np.nan, np.float32),
        ),
        is_on_sale=on_sale,
        sales_7d=np.array([0, 0, 1, 2, 3, 9, 3, 0, 5], np.float32),
    )


@pytest.fixture
def toy_transactions() -> pa.Table:
    """Customer 2 bought 2 yesterday and 8, not on sale, before; customer 3 bought 4 long ago."""
    return make_transactions(
        [
            (date(2020, 6, 3), 3, 4, 2),
            (date(2020, 7, 23), 2, 8, 1),
            (date(2020, 8, 31), 2, 2, 1),
        ]
    )


@pytest.fixture
def toy_purchases() -> pa.Table:
    """The toy transactions as of RUN_DATE."""
    return pa.table(
        {
            "customer_key": pa.array([2, 2, 3], pa.int32()),
            "article_key": pa.array([2, 8, 4], pa.int32()),
            "quantity": pa.array([1, 1, 2], pa.int32()),
            "days_since": pa.array([1, 40, 90], pa.int32()),
            "first_days_since": pa.array([1, 40, 90], pa.int32()),
            "purchase_days": pa.array([1, 1, 1], pa.int32()),
            "mean_price": pa.array([0.05] * 3, pa.float32()),
            **{
                name: pa.array(np.exp(-np.array([1, 40, 90], np.float32) / np.float32(days)))
                for name, days in DECAYS.items()
            },
        },
        schema=PURCHASES,
    )


@pytest.fixture
def toy_popularity() -> pa.Table:
    """Everyone buys 5, 4, 6; those of 20-24 buy 7, 5; nobody else bought anything."""
    rows = [
        ("all", 1, 5, 9.0),
        ("all", 2, 4, 3.0),
        ("all", 3, 6, 2.0),
        ("20-24", 2, 5, 1.0),
        ("20-24", 1, 7, 2.0),
        ("20-24", 3, 8, 1.0),
    ]
    bands, ranks, keys, scores = zip(*rows, strict=True)
    return pa.table(
        {
            "age_band": pa.array(bands),
            "rank": pa.array(ranks, pa.int32()),
            "article_key": pa.array(keys, pa.int32()),
            "score": pa.array(scores, pa.float64()),
        }
    )


@pytest.fixture
def toy_copurchases() -> pa.Table:
    """With 2 people buy 6, and less often 7 and 8; with 4 they buy 2."""
    rows = [(2, 1, 6, 0.5), (2, 2, 7, 0.25), (2, 3, 8, 0.2), (4, 1, 2, 0.5)]
    keys, ranks, others, scores = zip(*rows, strict=True)
    return pa.table(
        {
            "article_key": pa.array(keys, pa.int32()),
            "rank": pa.array(ranks, pa.int32()),
            "other_article_key": pa.array(others, pa.int32()),
            "score": pa.array(scores, pa.float64()),
        }
    )


@pytest.fixture
def toy_sources(
    toy_snapshot: Snapshot,
    toy_purchases: pa.Table,
    toy_popularity: pa.Table,
    toy_copurchases: pa.Table,
) -> Callable[..., Sources]:
    """Make the toy world's sources, with other purchases where they are given."""

    def build(config: CandidatesConfig, purchases: pa.Table = toy_purchases) -> Sources:
        return Sources.build(
            toy_snapshot,
            purchases=purchases,
            popularity=toy_popularity,
            copurchases=toy_copurchases,
            config=config,
        )

    return build


RUN_DATE = date(2020, 9, 1)
VERSION = "2020-09-01-fixed"


def commit(lake: Lake, dataset: str, key: object, table: pa.Table) -> None:
    """Commit a table as the only file of a partition."""
    with lake.write(Partition(dataset, str(key)), fingerprint=f"{dataset} {key}") as draft:
        lake.put_table(draft, table)


def make_transactions(rows: Sequence[tuple[date, int, int, int]]) -> pa.Table:
    """Return cleaned.transactions of (day, customer, article, quantity), at one price."""
    days, customers, articles, quantities = zip(*rows, strict=True)
    return pa.table(
        {
            "t_dat": days,
            "customer_key": customers,
            "article_key": articles,
            "price": [0.05] * len(rows),
            "sales_channel_id": [2] * len(rows),
            "quantity": quantities,
        },
        schema=CLEANED_TRANSACTIONS,
    )


def commit_transactions(lake: Lake, run_date: object, transactions: pa.Table) -> None:
    """Commit cleaned.transactions as they are: a view by day of the folders of a load."""
    load, parts = Partition("cleaned.loads", f"load-{run_date}"), []
    with lake.write(load, fingerprint=f"load {run_date}") as draft:
        for day in sorted(set(transactions["t_dat"].to_pylist())):
            rows, folder = transactions.filter(pc.field("t_dat") == day), f"day={day}"
            Path(draft.path, folder).mkdir()
            lake.put_table(draft, rows, f"{folder}/part-00000.parquet")
            parts.append(
                Part(
                    key=str(day),
                    dataset=load.dataset,
                    partition=load.key,
                    folder=folder,
                    rows=len(rows),
                    fingerprint=str(rows.to_pydict()),
                )
            )
    view = Partition("cleaned.transactions", str(run_date))
    lake.show(view, parts, like=lake.require(load), counts={}, notes={})


@pytest.fixture
def toy_lake(
    lake: Lake, toy_transactions: pa.Table, toy_popularity: pa.Table, toy_copurchases: pa.Table
) -> Lake:
    """The toy world as of RUN_DATE, and a model version whose files nobody reads."""
    customers = pa.table({"customer_key": pa.array([4, 2, 3, 5], pa.int32())})
    articles = pa.table({"article_key": pa.array(range(2, ARTICLES), pa.int32())})
    tables = {
        "cleaned.customers": customers,
        "cleaned.articles": articles,
        "features.customers": customers,
        "features.articles": articles,
        "features.popularity": toy_popularity,
        "features.copurchases": toy_copurchases,
    }
    for dataset, table in tables.items():
        commit(lake, dataset, RUN_DATE, table)
    commit_transactions(lake, RUN_DATE, toy_transactions)
    with lake.write(Partition("models.versions", VERSION), fingerprint="model") as draft:
        Path(draft.path, "history.json").write_text('[{"epoch": 1, "loss": 2.5}]')
        draft.rows, draft.notes = 1, {"weights": "random", "metrics": {"auc": 0.9}}
    return lake


@pytest.fixture
def fixed_scorer(
    monkeypatch: pytest.MonkeyPatch, fixed_model: FixedModel, toy_snapshot: Snapshot
) -> list[tuple[str, object, str]]:
    """Make every `Scorer.load` give the fixed model; the list says what was asked for."""
    asked: list[tuple[str, object, str]] = []

    def load(job: Job, version: str, *, cutoff: date | None = None, role: str = "served") -> Scorer:
        asked.append((version, cutoff, role))
        return Scorer(fixed_model, toy_snapshot)

    monkeypatch.setattr(Scorer, "load", load)
    return asked
