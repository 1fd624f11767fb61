"""A failure is one readable line."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from recsys_airflow.callbacks import report_failure


def test_a_failure_is_one_line_with_its_reason_and_its_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ti = SimpleNamespace(
        dag_id="nightly_refresh", task_id="clean.clean_catalogue", run_id="r1", log_url="http://l"
    )
    context: Any = {"ti": ti, "exception": ValueError("bad data:\n  no price")}
    monkeypatch.setattr(logging.getLogger("recsys_airflow"), "propagate", True)
    with caplog.at_level(logging.ERROR, logger="recsys_airflow"):
        report_failure(context)
    assert caplog.messages == [
        "nightly_refresh.clean.clean_catalogue failed in run r1: bad data: no price (log: http://l)"
    ]
