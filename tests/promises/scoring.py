"""A night's scoring in processes of their own, which halt where a test wants them to, and its lake.

The model is made up, so that no TensorFlow is loaded: each customer and article has a vector drawn
from its key. All else is what the jobs do.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from tests.recsys.conftest import VERSION, commit, commit_transactions, make_transactions

from recsys.config import REPOSITORY
from recsys.examples.encode import ARTICLE_COLUMNS, CUSTOMER_COLUMNS
from recsys.features.rows import Catalogue, CustomerRows
from recsys.inference.run import Scorer
from recsys.job import Job
from recsys.models.inputs import Snapshot
from recsys.paths import Partition
from recsys.schemas import AGE_BANDS, FEATURES_COPURCHASES, FEATURES_POPULARITY
from recsys.storage import Lake

RUN_DATE = date(2020, 9, 1)
CUSTOMERS, ARTICLES, DIM = 1_000, 200, 8
SHARD_CUSTOMERS = 100
SETTINGS = (f"candidates.shard_customers={SHARD_CUSTOMERS}", "candidates.ease.min_customers=2")
#: What runs a job that halts at its n-th shard of customers, before it is written or when half is.
SCRIPT = """
import importlib, sys
from pathlib import Path
import pyarrow.parquet as pq
from recsys.inference.run import Scorer
from tests.promises.scoring import load_scorer
job, shard, where, *argv = sys.argv[1:]
folder = {"generate_candidates": "/candidates/pairs/", "rank_candidates": "/recommendations/lists/"}
Scorer.load = load_scorer
healthy, written = pq.write_table, []
def write_table(table, target, **options):
    healthy(table, target, **options)
    if isinstance(target, Path) and folder[job] in str(target):  # a shard on its way
        written.append(target)
        if len(written) == int(shard) + 1:
            whole = target.read_bytes()
            target.write_bytes(whole[: len(whole) // 2] if where == "half" else b"")
            print("halted", flush=True)
            sys.stdin.readline()
pq.write_table = write_table
sys.exit(importlib.import_module(f"jobs.{job}").main(argv))
"""


class MadeUpModel:
    """Scores by vectors that follow from the keys."""

    encoder = pca = trees = None
    rankers: Mapping[str, str] = MappingProxyType({})

    def article_vectors(self, snapshot: Snapshot) -> np.ndarray:
        return _vectors(np.arange(ARTICLES + 2))

    def customer_vectors(self, snapshot: Snapshot, customer_keys: np.ndarray) -> np.ndarray:
        return _vectors(customer_keys + 100_000)

    def score_pairs(
        self, snapshot: Snapshot, customer_keys: np.ndarray, article_keys: np.ndarray
    ) -> np.ndarray:
        customers, articles = self.customer_vectors(snapshot, customer_keys), _vectors(article_keys)
        scores = np.einsum("nd,nmd->nm", customers, articles)
        return np.where(article_keys == 0, -np.inf, scores).astype(np.float32)


def _vectors(keys: np.ndarray) -> np.ndarray:
    waves = np.sin((keys[..., None] + 1) * np.arange(1, DIM + 1) * 0.7)
    return (waves / np.linalg.norm(waves, axis=-1, keepdims=True)).astype(np.float32)


def load_scorer(job: Job, version: str, *, cutoff: date | None = None, role: str = "") -> Scorer:
    """Return the made-up model and all it sees; stands in for `Scorer.load`."""
    people, things = CUSTOMERS + 2, ARTICLES + 2
    unknown, codes = np.full(people, np.nan, np.float32), np.arange(things, dtype=np.int32)
    nothing = np.zeros((people, 1), np.float32)
    rows = CustomerRows(
        nothing.astype(np.int32), nothing, nothing, unknown, unknown, RUN_DATE
    )  # fmt: skip
    catalogue = Catalogue(
        product_code=np.where(codes < 2, -1, codes // 3).astype(np.int32),
        tastes={"product_type": np.where(codes < 2, -1, codes % 7).astype(np.int32)},
        mean_price=np.full(things, 0.02, np.float32),
        mean_customer_age=np.full(things, 30, np.float32),
    )
    snapshot = Snapshot(
        cutoff=RUN_DATE,
        customer_numbers=np.zeros((people, len(CUSTOMER_COLUMNS)), np.float32),
        customer_categories=np.zeros((people, 1), np.int32),
        customers=rows,
        age_bands=(np.arange(people) % len(AGE_BANDS)).astype(np.int8),
        article_numbers=np.zeros((things, len(ARTICLE_COLUMNS)), np.float32),
        article_categories=np.zeros((things, 1), np.int32),
        image_vectors=np.zeros((things, 0), np.float32),
        catalogue=catalogue,
        is_on_sale=(codes >= 2) & (codes % 5 > 0),
        sales_7d=(codes * 7 % 31).astype(np.float32),
    )
    model: Any = MadeUpModel()
    return Scorer(model, snapshot)


def make_lake(root: Path) -> Lake:
    """Return a lake with all that the two jobs read."""
    lake, rng = Lake(str(root)), np.random.default_rng(5)
    customers = pa.table({"customer_key": np.arange(2, CUSTOMERS + 2, dtype=np.int32)})
    articles = pa.table({"article_key": np.arange(2, ARTICLES + 2, dtype=np.int32)})
    best = (rng.permutation(ARTICLES)[:40] + 2).astype(np.int32)
    popular = [
        {"age_band": band, "rank": rank, "article_key": int(key), "score": 41.0 - rank}
        for band in ("all", "20-24")
        for rank, key in enumerate(best if band == "all" else best[::-1], start=1)
    ]
    tables = {
        "cleaned.customers": customers,
        "cleaned.articles": articles,
        "features.customers": customers,
        "features.articles": articles,
        "features.popularity": pa.Table.from_pylist(popular, schema=FEATURES_POPULARITY),
        "features.copurchases": FEATURES_COPURCHASES.empty_table(),
    }
    for dataset, table in tables.items():
        commit(lake, dataset, RUN_DATE, table)
    bought = rng.integers(2, [60, CUSTOMERS + 2, ARTICLES + 2], (6_000, 3))
    rows = [(RUN_DATE - timedelta(days=int(d)), int(c), int(a), 1) for d, c, a in bought]
    commit_transactions(lake, RUN_DATE, make_transactions(sorted(rows)))
    with lake.write(Partition("models.versions", VERSION), fingerprint="model") as draft:
        draft.rows = 1
    return lake


def flags(lake: Lake, *more: str) -> list[str]:
    """Return the command line of either job on a lake."""
    settings = [f"--set={setting}" for setting in SETTINGS]
    named = [f"--run-date={RUN_DATE}", f"--lake={lake.root}", f"--model-version={VERSION}"]
    return [*named, "--env=test", *settings, *more]


@dataclass
class Halting:
    """A job that stops at a shard and waits."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, job: str, lake: Lake, *, shard: int, where: str = "nothing") -> Self:
        """Start a job; what it says goes nowhere."""
        argv = [sys.executable, "-c", SCRIPT, job, str(shard), where, *flags(lake)]
        environment = {**os.environ, "PYTHONPATH": "include:."}
        return cls(
            subprocess.Popen(
                argv, cwd=REPOSITORY, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip

    def kill(self) -> None:
        """Kill it as it stands there, unless it failed to come so far."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "halted\n"
        self.process.kill()
        self.process.communicate()
