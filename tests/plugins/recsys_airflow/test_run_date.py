"""The run date and the run's data are decided once, by a fixed order of sources."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from recsys.config import Config, load_config
from recsys_airflow import run_date
from recsys_airflow.children import Ended
from recsys_airflow.run_date import describe_run, resolve_config, resolve_run_date, setting

SCHEDULE = Config(run_date_from="schedule")
DATA = Config(run_date_from="data", data="/data/hm")
AT_TWO = datetime(2026, 11, 24, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECSYS_ENV", "RECSYS_DATA", "RECSYS_LAKE", "RECSYS_STATE", "RECSYS_CONF"):
        monkeypatch.delenv(name, raising=False)
    # Without a value here Airflow would ask a server for the Variables.
    for name in ("RECSYS_ENV", "RECSYS_DATA"):
        monkeypatch.setenv(f"AIRFLOW_VAR_{name}", "")


def context(**values: Any) -> Any:
    """A manual run's context, which has no logical date unless one is given."""
    empty = {"params": {}, "logical_date": None, "dag_run": SimpleNamespace(run_after=AT_TWO)}
    return {**empty, **values}


def event(**extra: Any) -> Any:
    return SimpleNamespace(extra=extra, timestamp=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))


def test_the_param_comes_first() -> None:
    given = context(params={"run_date": "2020-09-23"}, logical_date=AT_TWO)
    assert resolve_run_date(given, DATA) == date(2020, 9, 23)


def test_a_param_that_is_no_date_is_not_retried() -> None:
    with pytest.raises(AirflowFailException) as raised:
        resolve_run_date(context(params={"run_date": "23.9.2020"}), SCHEDULE)
    assert str(raised.value) == "the param run_date must read YYYY-MM-DD. Got '23.9.2020'"


def test_data_of_the_past_decide_where_the_configuration_says_so() -> None:
    asked = []

    def after(data: str) -> date:
        asked.append(data)
        return date(2020, 9, 23)

    found = resolve_run_date(context(logical_date=AT_TWO), DATA, after_the_data=after)
    assert (found, asked) == (date(2020, 9, 23), ["/data/hm"])


def test_a_partition_s_day() -> None:
    given = context(partition_key="2026-11-01T00:00:00", logical_date=AT_TWO)
    assert resolve_run_date(given, SCHEDULE) == date(2026, 11, 1)


def test_the_schedule_s_day_in_utc() -> None:
    tokyo = datetime.fromisoformat("2026-11-24T08:30:00+09:00")
    assert resolve_run_date(context(logical_date=tokyo), SCHEDULE) == date(2026, 11, 23)


def test_the_latest_asset_event_s_run_date() -> None:
    events = {"a": [event(run_date="2026-11-02")], "b": [event(run_date="2026-11-03")]}
    given = context(triggering_asset_events=events)
    assert resolve_run_date(given, SCHEDULE) == date(2026, 11, 3)


def test_an_asset_event_without_a_run_date_has_its_own_day() -> None:
    given = context(triggering_asset_events={"a": [event()]})
    assert resolve_run_date(given, SCHEDULE) == date(2026, 11, 20)


def test_a_manual_run_without_a_logical_date_is_about_the_day_it_was_due() -> None:
    assert resolve_run_date(context(), SCHEDULE) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (
            Ended(2, ("07:00:00 ERROR recsys.resolve_run_date: no folder /data/hm: make it",)),
            "resolve_run: bad data: no folder /data/hm: make it",
        ),
        (Ended(0, ("start", "yesterday")), "the last line of resolve_run_date must read"),
    ],
)
def test_a_data_folder_at_fault_is_not_retried(ended: Ended, message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run_date._printed_date(ended)


def test_another_fault_of_the_child_is_retried() -> None:
    with pytest.raises(RuntimeError, match="exit code 1: MemoryError"):
        run_date._printed_date(Ended(1, ("MemoryError",)))


def test_the_day_is_what_the_child_prints_last() -> None:
    assert run_date._printed_date(Ended(0, ("reading", "2020-09-23"))) == date(2020, 9, 23)


def test_a_run_is_described_with_absolute_folders_and_its_settings(tmp_path: Path) -> None:
    params = {
        "run_date": "2020-09-23", "data": str(tmp_path), "env": "demo", "force": True,
        "k": 20, "policy": "none", "activate": None, "departments": ["Men's, knitwear", "Tröjor"],
    }  # fmt: skip
    run = describe_run(context(params=params))
    lake = run.pop("lake")
    assert run == {
        "run_date": "2020-09-23",
        "data": str(tmp_path),
        "env": "demo",
        "settings": {
            "recommendations.k": 20,
            "recommendations.policy": "none",
            "recommendations.articles.departments": ["Men's, knitwear", "Tröjor"],
        },
        "force": True,
    }
    assert Path(lake).is_absolute()
    assert json.loads(json.dumps(run)) == run


@pytest.mark.parametrize(
    "name", ["stock #2.csv", "null", "0123", "gone: now.csv", "[x].csv", "ren\u00e9 \U0001f45a.csv"]
)
def test_text_reaches_a_job_as_it_was_typed(name: str) -> None:
    run = describe_run(context(params={"run_date": "2020-09-23", "out_of_stock": name}))
    told = [setting(key, value) for key, value in run["settings"].items()]
    assert load_config("test", told).recommendations.articles.out_of_stock == name


def test_blank_lines_of_a_box_are_nothing() -> None:
    params = {"run_date": "2020-09-23", "departments": ["Knitwear", "", " "], "index_groups": [""]}
    settings = describe_run(context(params=params))["settings"]
    assert settings == {"recommendations.articles.departments": ["Knitwear"]}


def test_a_wrong_setting_is_refused_before_anything_runs() -> None:
    with pytest.raises(AirflowFailException, match=r"recommendations\.k"):
        describe_run(context(params={"run_date": "2020-09-23", "k": 101}))


def test_params_come_before_variables_and_variables_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RECSYS_DATA", "/from/environment")
    monkeypatch.setenv("RECSYS_ENV", "demo")
    assert _source({}) == ("/from/environment", "demo")
    monkeypatch.setenv("AIRFLOW_VAR_RECSYS_DATA", "/from/variable")
    monkeypatch.setenv("AIRFLOW_VAR_RECSYS_ENV", "simulated")
    assert _source({}) == ("/from/variable", "simulated")
    assert _source({"data": "/from/param", "env": "test"}) == ("/from/param", "test")


def test_relative_folders_are_seen_from_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository = Path(__file__).parents[3]
    monkeypatch.chdir(tmp_path)
    config = resolve_config({"data": "data/hm"}, [])
    assert config.data == str(repository / "data" / "hm")
    assert config.lake_root.startswith(str(repository / ".recsys" / "lake"))


def _source(params: dict[str, Any]) -> tuple[str, str]:
    config = resolve_config(params, [])
    return config.data, config.env
