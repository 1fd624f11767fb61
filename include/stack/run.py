"""The main job: data in place, `full_refresh` to its end, recommendations on the screen."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from recsys.config import REPOSITORY
from stack.api import StackError, TaskState
from stack.arguments import Arguments
from stack.bootstrap import require_disk
from stack.core import Stack
from stack.environment import simulated_data
from stack.failure import explain_failure
from stack.progress import activity, follow_tasks
from stack.recommendations import read_sample, recommendation_table

DAG = "full_refresh"

#: The demo: minutes on two cores, and enough purchases to learn something.
DEMO_SIZES = {"customers": 2000, "articles": 1200, "transactions": 60_000, "images": 120}

FREE_GB = 2


def run(stack: Stack, arguments: Arguments, console: Console) -> None:
    """Bring the stack up and refresh everything; leave the stack up.

    Raises:
        ConfigError: something about the machine or the stack is wrong.
        StackError: a task failed; the message says which, why, and where its log is.
    """
    stack.state.mkdir(parents=True, exist_ok=True)
    require_disk(stack.state, gigabytes=FREE_GB, purpose="for data and databases")
    with activity(console, "Starting the stack") as say:
        stack.up(say)
    data = arguments.data or str(_simulate(stack, console))
    conf = run_conf(arguments, data)
    # Scheduled runs, once they are switched on, go on with the same data.
    stack.airflow.api.set_variable("recsys_data", data)
    stack.airflow.api.set_variable("recsys_env", conf["env"])
    _refresh(stack, conf, console)
    console.print()
    console.print(recommendation_table(*read_sample(stack.reader_url)), highlight=False)


def run_conf(arguments: Arguments, data: str) -> dict[str, Any]:
    """Return what the DAG run is told: its params; those left out keep their defaults."""
    conf: dict[str, Any] = {
        "data": data,
        "env": "demo" if arguments.data else "simulated",
        "activate": "always",
    }
    chosen = {"k": arguments.k, "policy": arguments.policy}
    return conf | {name: value for name, value in chosen.items() if value is not None}


def _simulate(stack: Stack, console: Console) -> Path:
    """Return the simulated data folder; one that is there already is left alone."""
    folder = simulated_data(stack.state)
    log = stack.state / "logs" / "simulate.log"
    sizes = [part for name, size in DEMO_SIZES.items() for part in (f"--{name}", str(size))]
    with activity(console, "Simulating data"), log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "jobs/simulate_dataset.py", "--out", folder, *sizes],
            cwd=REPOSITORY, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        reason = (log.read_text().strip().splitlines() or ["it gave no reason"])[-1]
        raise StackError(f"the data could not be simulated: {reason} (log: {log})")
    return folder


def _refresh(stack: Stack, conf: dict[str, Any], console: Console) -> None:
    run_id = stack.trigger(DAG, conf)
    last: list[TaskState] = []
    with follow_tasks(console, DAG) as show:

        def on_change(tasks: list[TaskState]) -> None:
            last[:] = tasks
            show(tasks)

        state = stack.wait(DAG, run_id, on_change)
    if state != "success":
        raise StackError(explain_failure(stack.state / "logs" / "tasks", DAG, run_id, last))
