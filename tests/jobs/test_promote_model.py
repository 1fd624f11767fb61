"""promote_model from its command line: the first, a better, a worse and a repeated version."""

import json
from pathlib import Path

import pytest
from jobs import promote_model

from recsys.paths import Partition
from recsys.serving import versions

pytestmark = pytest.mark.postgres


@pytest.fixture
def promote(config, database, lake, monkeypatch):
    """Write a version with an evaluation of a given NDCG, run the job; return code and report."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)

    def call(version, ndcg, *arguments, popularity=0.01, evaluation="first"):
        methods = {
            name: {"ndcg_at_12": {"mean": value, "low": value, "high": value}}
            for name, value in (("model", ndcg), ("popular_7d", popularity))
        }
        report = {
            "version": version, "test_cutoff": "2020-09-08", "k": 12, "customers": 100,
            "modes": {"all": methods, "novel": methods},
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
    code, report = promote("v1", 0.02)
    assert (code, report["status"]) == (0, "written")
    assert report["facts"] == {
        "promoted": True,
        "champion": "v1",
        "reason": "the first version of its source"
        " (ndcg_at_12 0.0200, last-week popularity 0.0100)",
    }
    assert promote("v2", 0.03)[1]["facts"]["champion"] == "v2"
    code, report = promote("v3", 0.02)
    assert code == 0
    assert report["facts"] == {
        "promoted": False,
        "champion": "v2",
        "reason": "ndcg_at_12 0.0200, champion v2 0.0300: more than 2% behind",
    }
    states = {v: versions.find(database, config.source, v).state for v in ("v1", "v2", "v3")}
    assert states == {"v1": "retired", "v2": "champion", "v3": "refused"}


def test_the_ledger_keeps_what_the_version_was_made_of(promote, config, database):
    promote("v1", 0.02)
    known = versions.find(database, config.source, "v1")
    assert known.data == {"examples": "abc", "models.evaluations": "first"}
    assert known.metrics["modes"]["novel"]["model"]["ndcg_at_12"]["mean"] == 0.02
    assert len(known.manifest_sha256) == 64


def test_the_tolerance_is_a_setting(promote):
    promote("v1", 0.02)
    assert not promote("v2", 0.019)[1]["facts"]["promoted"]
    _, report = promote("v3", 0.019, "--set", "promotion.tolerance=0.1")
    assert report["facts"]["promoted"]


def test_a_repeated_run_does_not_undo_what_a_person_decided(promote, database):
    promote("v1", 0.02)
    promote("v2", 0.03)
    versions.promote(database, "v1")
    code, report = promote("v2", 0.03)
    assert (code, report["status"], report["facts"]["champion"]) == (0, "unchanged", "v1")
    _, report = promote("v2", 0.03, "--force")
    assert (report["status"], report["facts"]["champion"]) == ("written", "v2")


def test_a_new_evaluation_of_the_champion_only_brings_new_numbers(promote, config, database):
    promote("v1", 0.02)
    _, report = promote("v1", 0.03, evaluation="second")
    assert (report["status"], report["facts"]["champion"]) == ("written", "v1")
    metrics = versions.find(database, config.source, "v1").metrics
    assert metrics["modes"]["novel"]["model"]["ndcg_at_12"]["mean"] == 0.03


def test_a_version_that_was_not_trained(config, database, monkeypatch, caplog):
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)
    code = promote_model.main(
        ["--run-date", "2020-09-22", "--env", "test", "--data", config.data,
         "--lake", config.lake_root, "--model-version", "v9"]
    )  # fmt: skip
    assert code == 2
    assert versions.champion(database, config.source) is None
