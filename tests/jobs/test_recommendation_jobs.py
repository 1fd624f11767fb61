"""A small model from training to lists: evaluated, then used for a night, each by its own job."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from jobs import (
    evaluate,
    find_similar_articles,
    generate_candidates,
    rank_candidates,
    train_models,
)
from tests.recsys.conftest import commit, commit_transactions, make_transactions
from tests.recsys.models.conftest import fill_lake as fill_lake_for_training

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = pytest.mark.tensorflow

RUN_DATE = date(2020, 9, 23)
TEST_CUTOFF = RUN_DATE - timedelta(weeks=1)
K = 4


def fill_lake(lake: Lake) -> None:
    """Commit what every job reads; the night's features are those of the test cutoff."""
    fill_lake_for_training(lake, RUN_DATE)
    for name in ("customers", "articles", "popularity", "copurchases"):
        dataset = f"features.{name}"
        commit(lake, dataset, RUN_DATE, lake.read(Partition(dataset, str(TEST_CUTOFF))))
    customers = lake.read(Partition("features.customers", str(RUN_DATE)), ["customer_key"])
    commit(lake, "cleaned.customers", RUN_DATE, customers)
    pairs = lake.read(Partition("examples.pairs", str(RUN_DATE)))
    bought = pairs.filter((pc.field("part") == "test") & (pc.field("label") == 1))
    in_window = [(TEST_CUTOFF, c, a, 1) for c, a in _pairs_of(bought)]
    history = lake.read(Partition("cleaned.transactions", str(RUN_DATE)))
    transactions = pa.concat_tables([history, make_transactions(in_window)])
    commit_transactions(lake, RUN_DATE, transactions)


def _pairs_of(table: pa.Table) -> set[tuple[int, int]]:
    customers, articles = table["customer_key"].to_pylist(), table["article_key"].to_pylist()
    return set(zip(customers, articles, strict=True))


def flags(config: Config) -> list[str]:
    settings = (
        "model.dim=8", "model.tower_units=[16]", "model.ranker_units=[16,8]",
        f"recommendations.k={K}", "evaluation.k=4", "candidates.towers=10",
    )  # fmt: skip
    return [
        f"--run-date={RUN_DATE}", "--env=test", f"--lake={config.lake_root}",
        "--report=report.json", *(f"--set={setting}" for setting in settings),
    ]  # fmt: skip


def test_from_a_model_to_lists(config: Config, lake: Lake) -> None:
    fill_lake(lake)
    assert train_models.main(flags(config)) == 0
    version = json.loads(Path(lake.address("report.json")).read_text())["facts"]["model_version"]
    named = [*flags(config), f"--model-version={version}"]
    for job in (evaluate, generate_candidates, rank_candidates, find_similar_articles):
        assert job.main(named) == 0

    with lake.local_path(Partition("models.evaluations", version)) as folder:
        report = json.loads((folder / "report.json").read_text())
    assert report["test_cutoff"] == "2020-09-16"
    # Tastes decide what is bought here, and the model can see them.
    assert report["pairs"]["auc"] > 0.5
    assert len(report["history"]) == 2

    lists = lake.read(Partition("recommendations.lists", str(RUN_DATE)))
    customers = lake.read(Partition("cleaned.customers", str(RUN_DATE)))["customer_key"]
    assert lists["customer_key"].to_pylist() == sorted(customers.to_pylist() * K)
    scores = lists["score"].to_numpy().reshape(-1, K)
    assert (np.diff(scores, axis=1) <= 0).all()
    pairs = _pairs_of(lists)
    assert len(pairs) == len(lists)
    bought = _pairs_of(lake.read(Partition("cleaned.transactions", str(RUN_DATE))))
    assert len(bought) > 59 * 5  # the history, and the window after it
    assert not pairs & bought
    articles = lake.read(Partition("features.articles", str(RUN_DATE)))
    on_sale = articles.filter(pc.field("is_on_sale"))["article_key"].to_pylist()
    assert set(lists["article_key"].to_pylist()) <= set(on_sale)

    similar = lake.read(Partition("recommendations.similar_articles", str(RUN_DATE)))
    assert set(similar["article_key"].to_pylist()) == set(articles["article_key"].to_pylist())
    assert set(similar["similar_article_key"].to_pylist()) <= set(on_sale)
