"""The job that judges a model, with a model of known scores."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jobs import evaluate
from pyspark.sql import SparkSession
from tests.recsys.conftest import commit, commit_transactions, make_transactions

from recsys.config import Config
from recsys.evaluation.report import BASELINES
from recsys.paths import Partition
from recsys.schemas import EXAMPLES_PAIRS, EXAMPLES_SPLIT
from recsys.serving import versions
from recsys.storage import Lake

VERSION = "2020-09-01-fixed"
EVALUATION = Partition("models.evaluations", VERSION)
CUTOFF, LABEL_END, RUN_DATE = date(2020, 9, 1), date(2020, 9, 8), date(2020, 9, 9)


@pytest.fixture
def test_window(toy_lake: Lake, toy_transactions: pa.Table) -> None:
    """In the window customer 2 buys 2 again and 3, customer 3 buys 7; later purchases are none."""
    for name in ("customers", "articles"):
        commit(toy_lake, f"cleaned.{name}", RUN_DATE, pa.table({"key": [1]}))
    rows = [("train", date(2020, 8, 1), date(2020, 8, 8)), ("test", CUTOFF, LABEL_END)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    commit(toy_lake, "examples.split", RUN_DATE, pa.table(columns, schema=EXAMPLES_SPLIT))
    pairs = [
        ("test", CUTOFF, 1, 2, 3, 1, CUTOFF),
        ("test", CUTOFF, 1, 2, 4, 0, CUTOFF),
        ("train", date(2020, 8, 1), 2, 2, 5, 1, date(2020, 8, 1)),
    ]
    columns = [list(column) for column in zip(*pairs, strict=True)]
    commit(toy_lake, "examples.pairs", RUN_DATE, pa.table(columns, schema=EXAMPLES_PAIRS))
    bought = [
        (date(2020, 8, 31), 4, 7, 1),
        (CUTOFF, 2, 2, 1),
        (date(2020, 9, 7), 2, 3, 1),
        (date(2020, 9, 7), 3, 7, 1),
        (LABEL_END, 5, 7, 1),
    ]
    transactions = pa.concat_tables([toy_transactions, make_transactions(bought)])
    commit_transactions(toy_lake, RUN_DATE, transactions)


def run(config: Config, *flags: str) -> int:
    return evaluate.main(
        [
            f"--run-date={RUN_DATE}",
            f"--data={config.data}",
            f"--lake={config.lake}",
            f"--model-version={VERSION}",
            "--set=evaluation.k=2",
            "--set=evaluation.bootstrap_samples=20",
            "--set=evaluation.als.enabled=false",
            "--report=report.json",
            *flags,
        ]
    )


def test_the_report_judges_the_model_that_never_saw_the_window(
    config: Config, toy_lake: Lake, test_window: None, fixed_scorer: list[object]
) -> None:
    assert run(config) == 0

    assert fixed_scorer == [(VERSION, CUTOFF, "evaluated")]
    with toy_lake.local_path(EVALUATION) as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
        report = json.loads((folder / "report.json").read_text())
    assert (report["version"], report["test_cutoff"], report["k"]) == (VERSION, "2020-09-01", 2)
    assert report["customers"] == 2
    # Mode novel: customer 2 is shown 3 and 7, customer 3 is shown 7 and 6.
    assert report["modes"]["novel"]["model"]["map_at_2"]["mean"] == 1.0
    # Popular: 5 and 4, then 5 and 6.
    assert report["modes"]["novel"]["popular_7d"]["map_at_2"]["mean"] == 0.0
    assert report["modes"]["all"]["repurchase"]["hit_rate_at_2"]["mean"] == 0.5
    assert report["pairs"] == {
        "pairs": 2, "auc": 1.0, "precision": 1.0, "recall": 1.0, "threshold": 0.45,
    }  # fmt: skip
    assert report["history"] == [{"epoch": 1, "loss": 2.5}]
    manifest = toy_lake.require(EVALUATION)
    assert (manifest.rows, manifest.counts) == (2, {"all": 2, "novel": 2})
    assert manifest.notes == {"model_version": VERSION, "weights": "random"}


@pytest.fixture
def champion(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Let the database say who is champion."""

    def call(version: str | None) -> None:
        monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://somewhere")
        monkeypatch.setattr(versions, "champion", lambda url, source: version)

    return call


def add_version(lake: Lake, version: str) -> None:
    commit(lake, "models.versions", version, pa.table({"key": [1]}))


def read_reports(config: Config, lake: Lake) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the job's report and the evaluation's."""
    job = json.loads(Path(str(config.lake), "report.json").read_text())
    with lake.local_path(EVALUATION) as folder:
        return job, json.loads((folder / "report.json").read_text())


def test_the_champion_is_judged_on_the_same_window_and_customers(
    config: Config,
    toy_lake: Lake,
    test_window: None,
    fixed_scorer: list[object],
    champion: Callable[[str | None], None],
) -> None:
    add_version(toy_lake, "v1")
    champion("v1")
    assert run(config) == 0

    assert fixed_scorer == [(VERSION, CUTOFF, "evaluated"), ("v1", CUTOFF, "evaluated")]
    job, report = read_reports(config, toy_lake)
    assert (job["facts"]["against"], report["champion"], report["samples"]) == ("v1", "v1", 20)
    methods = report["modes"]["novel"]
    assert methods["champion"] == methods["model"]
    assert methods["champion"]["map_at_2"]["mean"] == 1.0
    minus = report["details"]["novel"]["model_minus"]
    assert {"champion", *BASELINES} <= set(minus)
    assert set(BASELINES) == set(minus) - {"champion", "network", "trees"}
    assert minus["champion"]["ndcg_at_2"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert minus["popular_7d"]["ndcg_at_2"]["mean"] == 1.0


def test_another_champion_makes_another_evaluation(
    config: Config,
    toy_lake: Lake,
    test_window: None,
    fixed_scorer: list[object],
    champion: Callable[[str | None], None],
) -> None:
    found = []
    for version in ("v1", "v1", "v2", VERSION, "gone", None):
        if version in ("v1", "v2"):
            add_version(toy_lake, version)
        champion(version)
        assert run(config) == 0
        job, report = read_reports(config, toy_lake)
        found.append((job["status"], report["champion"]))

    assert found == [
        ("written", "v1"),
        ("unchanged", "v1"),
        ("written", "v2"),
        ("unchanged", "v2"),  # as champion it keeps the comparison that made it one
        ("written", None),
        ("unchanged", None),
    ]


def test_a_version_may_be_compared_with_any_other(
    config: Config, toy_lake: Lake, test_window: None, fixed_scorer: list[object]
) -> None:
    add_version(toy_lake, "v7")
    assert run(config, "--against=v7") == 0
    assert read_reports(config, toy_lake)[1]["champion"] == "v7"
    assert run(config, "--against=v8") == 2


def test_factors_by_spark_are_one_more_baseline(
    config: Config,
    toy_lake: Lake,
    test_window: None,
    fixed_scorer: list[object],
    spark: SparkSession,
) -> None:
    assert run(config, "--set=evaluation.als.enabled=true", "--set=evaluation.als.rank=2") == 0

    job, report = read_reports(config, toy_lake)
    assert job["facts"]["als_seconds"] > 0
    novel = report["modes"]["novel"]["als"]
    # Nothing is on sale that anyone bought but 7, 2 and 4: customer 2 is shown one of the latter
    # and customer 3 is shown 7, which he then buys; the rest of their lists is popular.
    assert set(novel) == set(report["modes"]["novel"]["model"])
    assert novel["hit_rate_at_2"]["mean"] == 0.5
    assert "als" in report["details"]["novel"]["model_minus"]
    with toy_lake.local_path(EVALUATION) as folder:
        assert "<td>ALS factors</td>" in (folder / "report.html").read_text()


def test_headline_figures_are_facts_also_of_a_run_with_nothing_to_do(
    config: Config, toy_lake: Lake, test_window: None, fixed_scorer: list[object]
) -> None:
    assert run(config) == run(config) == 0

    report = json.loads(Path(str(config.lake), "report.json").read_text())
    assert report["status"] == "unchanged"
    assert len(fixed_scorer) == 1
    assert report["facts"]["map_at_2"] == 1.0
    assert report["facts"]["baseline_map_at_2"] == 0.0


def test_a_window_without_purchases_is_bad_data(
    config: Config,
    toy_lake: Lake,
    toy_transactions: pa.Table,
    test_window: None,
    fixed_scorer: list[object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    commit_transactions(toy_lake, RUN_DATE, toy_transactions)

    assert run(config) == 2
    assert "nobody bought anything in [2020-09-01, 2020-09-08)" in capsys.readouterr().err
    assert toy_lake.manifest(EVALUATION) is None
