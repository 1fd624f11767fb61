"""promote_model from its command line: the first, a better, a worse and a repeated version."""

import json
import shutil
from pathlib import Path

import pytest
from jobs import promote_model

from recsys.paths import Partition
from recsys.serving import versions

pytestmark = pytest.mark.postgres

#: How far every version is ahead of these baselines.
OTHERS = {"popular_by_age": 0.01, "repurchase": 0.01, "copurchase": 0.01}


@pytest.fixture
def promote(config, database, lake, monkeypatch):
    """Write a version and how far it is from the champion, run the job; return code and report."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)

    def call(version, minus, *arguments, against=None, popularity=0.01, evaluation="first"):
        found = {
            name: {"ndcg_at_12": {"mean": mean, "low": mean - 0.002, "high": mean + 0.002}}
            for name, mean in {**OTHERS, "popular_7d": popularity, "champion": minus}.items()
            if mean is not None
        }
        part = {"customers": 100, "model_minus": found}
        report = {
            "version": version, "champion": against, "k": 12, "samples": 50,
            "details": {"all": part, "novel": part},
        }  # fmt: skip
        for dataset, name, text in (
            ("models.versions", "model.json", "{}"),
            ("models.evaluations", "report.json", json.dumps(report)),
        ):
            with lake.write(
                Partition(dataset, version), fingerprint=evaluation, inputs={"examples": "abc"}
            ) as draft:
                Path(draft.path, name).write_text(text)
                draft.rows = 1
        code = promote_model.main(
            ["--run-date", "2020-09-22", "--env", "test", "--data", config.data,
             "--lake", config.lake_root, "--model-version", version,
             "--report", "report.json", *arguments]
        )  # fmt: skip
        return code, json.loads(Path(config.lake_root, "report.json").read_text())

    return call


def test_first_better_and_worse(promote, config, database):
    code, report = promote("v1", None)
    assert (code, report["status"]) == (0, "written")
    assert report["facts"] == {
        "promoted": True,
        "champion": "v1",
        "reason": "ahead of each baseline; no champion to compare with;"
        " ndcg_at_12 of 100 customers, 95 % intervals of 50 resamples",
    }
    # Less, but its interval does not end below zero.
    assert promote("v2", -0.001, against="v1")[1]["facts"]["champion"] == "v2"
    code, report = promote("v3", -0.003, against="v2")
    assert code == 0
    reason = (
        "behind champion v2: -0.0030 (-0.0050 to -0.0010);"
        " ndcg_at_12 of 100 customers, 95 % intervals of 50 resamples"
    )
    assert report["facts"] == {"promoted": False, "champion": "v2", "reason": reason}
    states = {v: versions.find(database, config.source, v).state for v in ("v1", "v2", "v3")}
    assert states == {"v1": "retired", "v2": "champion", "v3": "refused"}
    assert versions.find(database, config.source, "v3").reason == reason


def test_a_baseline_that_is_not_beaten_is_a_reason(promote):
    promote("v1", None)
    _, report = promote("v2", 0.01, against="v1", popularity=-0.001)
    assert report["facts"]["champion"] == "v1"
    assert report["facts"]["reason"].startswith(
        "not ahead of popular_7d: -0.0010 (-0.0030 to +0.0010);"
    )


def test_the_ledger_keeps_what_the_version_was_made_of(promote, config, database):
    promote("v1", None)
    known = versions.find(database, config.source, "v1")
    assert known.data == {"examples": "abc", "models.evaluations": "first"}
    found = known.metrics["details"]["novel"]["model_minus"]["popular_7d"]["ndcg_at_12"]
    assert found["mean"] == 0.01
    assert len(known.manifest_sha256) == 64


def test_an_evaluation_beside_another_champion_decides_nothing(promote, config, database):
    promote("v1", None)
    promote("v2", 0.01, against="v1")
    code, report = promote("v3", 0.01, against="v1")
    assert (code, report["error"]) == (
        2,
        "v3 was evaluated beside v1, and v2 is champion now: run evaluate --model-version v3 again",
    )
    assert versions.find(database, config.source, "v3").state == "candidate"
    assert promote("v3", 0.01, against="v2", evaluation="second")[1]["facts"]["champion"] == "v3"


def test_a_champion_whose_files_are_gone_is_none(promote, lake):
    promote("v1", None)
    shutil.rmtree(Path(lake.root, "models", "versions", "v1"))
    _, report = promote("v2", None)
    assert report["facts"]["champion"] == "v2"
    assert "no champion to compare with" in report["facts"]["reason"]


def test_a_repeated_run_does_not_undo_what_a_person_decided(promote, database):
    promote("v1", None)
    promote("v2", 0.01, against="v1")
    versions.promote(database, "v1")
    code, report = promote("v2", 0.01, against="v1")
    assert (code, report["status"], report["facts"]["champion"]) == (0, "unchanged", "v1")
    _, report = promote("v2", 0.01, against="v1", evaluation="second")
    assert (report["status"], report["facts"]["champion"]) == ("written", "v1")
    _, report = promote("v2", 0.01, "--force", against="v1")
    assert (report["status"], report["facts"]["champion"]) == ("written", "v2")


def test_a_refused_version_is_judged_again_by_a_new_evaluation(promote):
    promote("v1", None)
    assert not promote("v2", -0.01, against="v1")[1]["facts"]["promoted"]
    assert promote("v2", 0.01, against="v1", evaluation="second")[1]["facts"]["promoted"]


def test_a_new_evaluation_of_the_champion_only_brings_new_numbers(promote, config, database):
    promote("v1", None)
    _, report = promote("v1", None, popularity=-0.5, evaluation="second")
    assert (report["status"], report["facts"]["champion"]) == ("written", "v1")
    metrics = versions.find(database, config.source, "v1").metrics
    found = metrics["details"]["novel"]["model_minus"]["popular_7d"]["ndcg_at_12"]
    assert found["mean"] == -0.5


def test_a_version_that_was_not_trained(config, database, monkeypatch, caplog):
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)
    code = promote_model.main(
        ["--run-date", "2020-09-22", "--env", "test", "--data", config.data,
         "--lake", config.lake_root, "--model-version", "v9"]
    )  # fmt: skip
    assert code == 2
    assert versions.champion(database, config.source) is None
