"""Which ends of a job are good, which are worth another try, and which are hopeless."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from recsys_airflow.reports import conclude, last_error


def report(status: str, error: str | None = None) -> dict[str, Any]:
    return {"job": "toy", "status": status, "error": error, "facts": {}}


@pytest.mark.parametrize("status", ["written", "unchanged"])
def test_a_good_report_and_exit_code_0_are_believed(status: str) -> None:
    assert conclude("toy", report(status), exit_code=0)["status"] == status


@pytest.mark.parametrize(
    ("found", "exit_code", "hopeless", "message"),
    [
        (report("bad_data", "no price"), 2, True, "toy: bad data: no price"),
        (report("bad_configuration", "k"), 3, True, "toy: bad configuration: k"),
        (None, 2, True, "toy: bad data: last words"),
        (None, 3, True, "toy: bad configuration: last words"),
        (report("failed", "MemoryError: "), 1, False, "toy failed with exit code 1: MemoryError: "),
        (None, -9, False, "toy failed with exit code -9: last words"),
        (None, 0, False, "toy ended with exit code 0 but left no report"),
        # A good report does not make up for a process that was killed after it wrote it.
        (report("written"), -9, False, "toy failed with exit code -9: last words"),
    ],
)
def test_every_other_end_fails(
    found: dict[str, Any] | None, exit_code: int, hopeless: bool, message: str
) -> None:
    with pytest.raises(AirflowException) as raised:
        conclude("toy", found, exit_code=exit_code, lines=["first words", "last words"])
    assert str(raised.value) == message
    assert isinstance(raised.value, AirflowFailException) == hopeless


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["07:00:00 ERROR recsys.toy: no such folder: /x", "26/11/24 INFO bye"],
         "no such folder: /x"),
        (["usage: toy", "toy: error: unrecognized arguments: --k", ""],
         "toy: error: unrecognized arguments: --k"),
        (["Traceback", "ValueError: bad", "INFO ShutdownHookManager"], "ValueError: bad"),
        (["one", "two"], "two"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_reason_is_the_last_line_that_names_an_error(lines: list[str], reason: str) -> None:
    assert last_error(lines) == reason
