"""The job that says which run date uses all of a folder."""

from pathlib import Path
from typing import Any

import pytest
from jobs.resolve_run_date import main


def test_the_day_after_the_last_transaction_is_the_last_line(
    raw_folder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(raw_folder.path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2020-09-23"


def test_without_a_flag_the_folder_is_the_configured_one(
    raw_folder: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_DATA", str(raw_folder.path))
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2020-09-23"


def test_a_folder_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path / "nowhere")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip().endswith(
        f"ERROR recsys.resolve_run_date: no folder {tmp_path}/nowhere: expected one that holds"
        " articles.csv, customers.csv, transactions_train.csv"
    )
