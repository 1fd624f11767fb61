"""A person puts another version in the place of the champion, and the next night uses it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jobs import choose_model, generate_candidates
from tests.recsys.conftest import RUN_DATE, commit

from recsys.config import Config
from recsys.paths import Partition
from recsys.serving import __main__ as serving
from recsys.serving import versions
from recsys.serving.versions import ModelVersion
from recsys.storage import Lake

pytestmark = pytest.mark.postgres


@pytest.fixture
def two_versions(
    config: Config, toy_lake: Lake, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate made v1 and then v2 champion; v3 is registered, and its files are gone."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)
    for version in ("v1", "v2", "v3"):
        known = ModelVersion(config.source, version, {}, {}, "d" * 64, "2020-09-01 10:00:00+00")
        versions.register(database, known)
    for version in ("v1", "v2"):
        commit(toy_lake, "models.versions", version, pa.table({"key": [1]}))
        versions.decide(database, config.source, version, promoted=True, reason="better")


def run(job: Any, config: Config, *flags: str) -> int:
    argv = [f"--run-date={RUN_DATE}", f"--data={config.data}", f"--lake={config.lake}"]
    code: int = job.main([*argv, "--report=report.json", *flags])
    return code


def read_report(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(str(config.lake), "report.json").read_text())
    return found


def by_the_form(config: Config, query: Callable[..., Any]) -> None:
    assert run(choose_model, config, "--model-version", "v1") == 0


def by_one_command(config: Config, query: Callable[..., Any]) -> None:
    assert serving.main(["promote", "v1"]) == 0


def by_one_call(config: Config, query: Callable[..., Any]) -> None:
    assert query("SELECT recs.promote('v1')", role="recs_loader") == [("v1",)]


@pytest.mark.parametrize("roll_back", [by_the_form, by_one_command, by_one_call])
def test_the_night_after_a_rollback_uses_the_earlier_version(
    config: Config,
    toy_lake: Lake,
    two_versions: None,
    fixed_scorer: list[tuple[str, object, str]],
    query: Callable[..., Any],
    roll_back: Callable[[Config, Callable[..., Any]], None],
) -> None:
    candidates = Partition("candidates.pairs", str(RUN_DATE))
    made_by = []
    for step in (lambda config, query: None, roll_back):
        step(config, query)
        assert run(generate_candidates, config) == 0
        made_by.append(toy_lake.require(candidates).notes["model_version"])

    assert made_by == ["v2", "v1"]
    assert [(version, role) for version, _, role in fixed_scorer] == [
        ("v2", "served"), ("v1", "served"),
    ]  # fmt: skip
    states = "SELECT version, state FROM recs.model_versions ORDER BY 1"
    assert query(states) == [("v1", "champion"), ("v2", "retired"), ("v3", "candidate")]


def test_the_ledger_says_who_chose(config: Config, two_versions: None, database: str) -> None:
    assert run(choose_model, config, "--model-version", "v1") == 0
    assert read_report(config)["facts"] == {"champion": "v1"}
    chosen = versions.find(database, config.source)
    assert chosen is not None
    assert (chosen.version, chosen.reason) == ("v1", f"chosen by hand for the run of {RUN_DATE}")
    # Again, as when the task is cleared.
    assert run(choose_model, config, "--model-version", "v1") == 0
    assert read_report(config)["status"] == "unchanged"


@pytest.mark.parametrize("flags", [[], ["--model-version", ""], ["--model-version", "v2"]])
def test_an_ordinary_night_changes_nothing(
    config: Config, two_versions: None, database: str, flags: list[str]
) -> None:
    assert run(choose_model, config, *flags) == 0
    report = read_report(config)
    assert (report["status"], report["facts"]) == ("unchanged", {"champion": "v2"})
    champion = versions.find(database, config.source)
    assert champion is not None
    assert champion.reason == "better"


@pytest.mark.parametrize(
    ("version", "code", "error"),
    [
        ("v9", 3, "has no model version v9: see recs.model_versions"),
        ("v3", 2, "models.versions has no committed partition 'v3'"),
    ],
)
def test_a_version_that_cannot_serve_is_refused(
    config: Config, two_versions: None, database: str, version: str, code: int, error: str
) -> None:
    assert run(choose_model, config, "--model-version", version) == code
    assert error in read_report(config)["error"]
    assert versions.champion(database, config.source) == "v2"


def test_before_the_first_champion_there_is_none(
    config: Config, lake: Lake, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)
    assert run(choose_model, config) == 0
    assert read_report(config)["facts"] == {"champion": None}
