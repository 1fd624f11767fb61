"""publish_recommendations and check_recommendations, from their command lines."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from jobs import check_recommendations, publish_recommendations
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys.paths import Partition

pytestmark = pytest.mark.postgres

DAY = "2020-09-22"
A = "a" * 64


@pytest.fixture
def run(config, database, monkeypatch):
    """Run a job's main on the test lake and return its exit code and its report."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)

    def call(job, *arguments, day=DAY):
        code = job.main(
            ["--run-date", day, "--env", "test", "--data", config.data, "--lake", config.lake_root,
             "--report", "report.json", *arguments]
        )  # fmt: skip
        return code, json.loads(Path(config.lake_root, "report.json").read_text())

    return call


def test_publish_then_check(run, fill_lake, query, config):
    fill_lake()
    code, report = run(publish_recommendations)
    assert (code, report["status"]) == (0, "written")
    assert report["facts"] == {
        "run_id": 1,
        "active": True,
        "recommendations": 12,
        "model_version": "model-1",
        "explanation": None,
    }
    assert query("SELECT source, policy, policy_days, k, notes FROM recs.runs") == [
        (config.source, "all", 30, 3, {"model_version": "model-1", "weights": "random"})
    ]
    code, report = run(check_recommendations)
    assert (code, report["facts"]) == (
        0,
        {"run_id": 1, "active": True, "customers": 4, "recommendations": 12},
    )


def test_publishing_again_is_unchanged_unless_forced(run, fill_lake, lake):
    fill_lake()
    run(publish_recommendations)
    today = make_transactions([(date(2020, 9, 22), 5, 5, 1)])
    history = lake.read(Partition("cleaned.transactions", DAY))
    commit_transactions(lake, DAY, pa.concat_tables([history, today]))
    code, report = run(publish_recommendations)
    assert (code, report["status"], report["facts"]["run_id"]) == (0, "unchanged", 1)
    code, report = run(publish_recommendations, "--force")
    assert (code, report["status"], report["facts"]["run_id"]) == (0, "written", 2)
    commit_transactions(lake, DAY, history.slice(1))
    code, report = run(publish_recommendations)
    assert (code, report["status"], report["facts"]["run_id"]) == (0, "written", 3)


def test_an_older_day_is_kept_aside_and_the_check_knows(run, fill_lake):
    for day in (DAY, "2020-09-15"):
        fill_lake(day)
        code, report = run(publish_recommendations, day=day)
        assert code == 0
    assert report["facts"]["active"] is False
    assert report["facts"]["explanation"].startswith("kept aside: run 1 of 2020-09-22 is active")
    code, report = run(check_recommendations, day="2020-09-15")
    assert (code, report["facts"]["active"]) == (0, False)
    code, report = run(
        publish_recommendations, "--set", "publish.activate=always", day="2020-09-15"
    )
    assert (code, report["facts"]["active"], report["facts"]["run_id"]) == (0, True, 2)


def test_bad_lists_are_bad_data_and_one_line(run, fill_lake):
    fill_lake(lists={2: [5, 3, 4], 3: [3, 3, 5], 4: [7, 6, 5], 5: [4, 3, 2]})
    code, report = run(publish_recommendations)
    assert (code, report["status"]) == (2, "bad_data")
    assert report["error"].count("recommendations[2020-09-22]: customers with") == 2
    code, report = run(check_recommendations)
    assert (code, report["error"]) == (
        2,
        "the run of 2020-09-22 is not active (no run is active): publish_recommendations",
    )


def test_policy_none_may_recommend_past_purchases(run, fill_lake, query):
    fill_lake(lists={2: [5, 3, 4], 3: [3, 4, 5], 4: [7, 6, 5], 5: [4, 3, 2]}, policy="none")
    assert run(publish_recommendations)[0] == 0
    assert run(check_recommendations)[0] == 0
    assert query("SELECT policy FROM recs.runs") == [("none",)]


def test_lists_and_similar_articles_must_be_of_one_model(run, fill_lake, lake):
    fill_lake()
    similar = Partition("recommendations.similar_articles", DAY)
    table = lake.read(similar)
    with lake.write(similar, fingerprint="other") as draft:
        draft.notes = {"model_version": "model-2"}
        lake.put_table(draft, table)
    code, report = run(publish_recommendations)
    assert code == 2
    assert report["error"] == (
        "recommendations are of model model-1, similar articles of model-2:"
        " run find_similar_articles again"
    )


def test_without_a_database_it_is_bad_configuration(run, fill_lake, monkeypatch):
    fill_lake()
    monkeypatch.delenv("RECSYS_DATABASE_URL")
    code, report = run(publish_recommendations)
    assert (code, report["status"]) == (3, "bad_configuration")
    assert report["error"].startswith("RECSYS_DATABASE_URL is not set")
