"""The main job as a user meets it: a raw folder in, `full_refresh` through Airflow, SQL out."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from recsys.config import REPOSITORY
from stack.api import TaskState
from stack.core import Stack

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.spark, pytest.mark.tensorflow]

#: A machine that runs other tests besides is slow to start Airflow.
PATIENCE_S = 400
K = 5

TASKS = {
    "resolve_run",
    "clean.clean_catalogue",
    "clean.clean_transactions",
    "clean.check_cleaned",
    "images.embed_images",
    "train.build_features",
    "train.build_examples",
    "train.train_models",
    "train.evaluate",
    "train.promote_model",
    "refresh.build_features",
    "refresh.check_features",
    "refresh.generate_candidates",
    "refresh.rank_candidates",
    "refresh.find_similar_articles",
    "refresh.publish_recommendations",
    "refresh.check_recommendations",
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state")
    stack.up(timeout_s=PATIENCE_S)
    yield stack
    stack.down()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    sizes = ["--customers", "60", "--articles", "120", "--transactions", "3000", "--images", "6"]
    subprocess.run(
        [sys.executable, REPOSITORY / "jobs/simulate_dataset.py", "--out", folder, *sizes],
        env={"PYTHONPATH": str(REPOSITORY / "include")},
        check=True,
    )
    return folder


@pytest.mark.timeout(1500)
def test_a_raw_folder_becomes_recommendations_that_sql_reads(stack: Stack, data: Path) -> None:
    conf = {"data": str(data), "env": "test", "k": K, "policy": "all", "activate": "always"}
    seen: dict[str, TaskState] = {}
    run_id = stack.trigger("full_refresh", conf)
    state = stack.wait(
        "full_refresh",
        run_id,
        lambda tasks: seen.update({task.task_id: task for task in tasks}),
        timeout_s=1200,
    )
    assert {name: task.state for name, task in seen.items()} == dict.fromkeys(TASKS, "success")
    assert state == "success"

    with (data / "transactions_train.csv").open(newline="") as file:
        bought = {(row["customer_id"], row["article_id"]) for row in csv.DictReader(file)}
    connection = psycopg2.connect(stack.reader_url)
    with connection.cursor() as cursor:
        cursor.execute("select customer_id, article_id, rank from recs.recommendations")
        lists = cursor.fetchall()
        cursor.execute("select count(*) from recs.recommend('nobody we know', 5)")
        assert cursor.fetchone() == (K,)
        cursor.execute("select is_late from recs.freshness")
        assert cursor.fetchall() == [(False,)]
    connection.close()
    ranks: dict[str, list[int]] = {}
    for customer_id, _, rank in lists:
        ranks.setdefault(customer_id, []).append(rank)
    assert len(ranks) == 60
    assert all(sorted(found) == [1, 2, 3, 4, 5] for found in ranks.values())
    assert {(customer, article) for customer, article, _ in lists} & bought == set()
