"""What a job said about its run: its JSON report in the lake, or else its exit code.

Exit code 0 is not enough for a green task: the report must be there and say that data were written
or are current. `recsys.storage` is imported inside the functions, so that parsing DAGs stays quick.
"""

import json
from collections.abc import Iterable
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

#: Exit codes and report states of `recsys.job` that another try cannot mend.
HOPELESS_EXITS = {2: "bad data", 3: "bad configuration"}
HOPELESS_STATES = {"bad_data": "bad data", "bad_configuration": "bad configuration"}
GOOD_STATES = ("written", "unchanged")


def remove_report(lake: str, path: str) -> None:
    """Remove the report of an earlier try, if there is one."""
    from recsys.storage import Lake

    store = Lake(lake)
    if store.fs.exists(f"{store.root}/{path}"):
        store.fs.rm(f"{store.root}/{path}")


def read_report(lake: str, path: str) -> dict[str, Any] | None:
    """Return a job's report, or None where the job left none."""
    from recsys.storage import Lake

    store = Lake(lake)
    if not store.fs.exists(f"{store.root}/{path}"):
        return None
    report: dict[str, Any] = json.loads(store.fs.cat_file(f"{store.root}/{path}"))
    return report


def conclude(
    job: str, report: dict[str, Any] | None, *, exit_code: int, lines: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the report of a job that did its work; raise for any other.

    Args:
        job: the job's name, for the message.
        report: what the job wrote, if anything.
        exit_code: of its process; negative for a signal.
        lines: the end of its log, which has the reason where there is no report.

    Raises:
        AirflowFailException: the data or the configuration are at fault; not retried.
        AirflowException: anything else; retried.
    """
    state = report["status"] if report else None
    if report and exit_code == 0 and state in GOOD_STATES:
        return report
    reason = (report or {}).get("error") or last_error(lines) or "it gave no reason"
    fault = HOPELESS_STATES.get(state or "") or HOPELESS_EXITS.get(exit_code)
    if fault:
        raise AirflowFailException(f"{job}: {fault}: {reason}")
    if exit_code == 0 and report is None:
        raise AirflowException(f"{job} ended with exit code 0 but left no report")
    raise AirflowException(f"{job} failed with exit code {exit_code}: {reason}")


def last_error(lines: Iterable[str]) -> str:
    """Return the last line that names an error, else the last line, without its prefix."""
    kept = [line.strip() for line in lines if line.strip()]
    errors = [line for line in kept if " ERROR " in line or "rror: " in line]
    line = (errors or kept or [""])[-1]
    _, _, message = line.partition(" ERROR ")
    return message.partition(": ")[2] or line if message else line
