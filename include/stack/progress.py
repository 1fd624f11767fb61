"""How the user sees things happen: a live table on a terminal, one line a change elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from stack.api import TaskState

STYLES = {
    "success": "green",
    "failed": "bold red",
    "upstream_failed": "red",
    "up_for_retry": "yellow",
    "running": "cyan",
    "skipped": "dim",
}


@contextmanager
def activity(console: Console, title: str) -> Iterator[Callable[[str], None]]:
    """Yield a function to say what is going on; end with `title` and its seconds."""
    started = time.monotonic()
    said: list[str] = []
    with console.status(f"{title} ...") as spinner:

        def say(words: str) -> None:
            if words not in said[-1:]:
                said.append(words)
                spinner.update(f"{title}: {words} ...")
                if not console.is_terminal:
                    console.print(f"{title}: {words}", highlight=False)

        yield say
    console.print(f"{title}: {time.monotonic() - started:.0f} s", highlight=False)


@contextmanager
def follow_tasks(console: Console, title: str) -> Iterator[Callable[[list[TaskState]], None]]:
    """Yield a function that shows the tasks of a run whenever it is called."""
    started = time.monotonic()
    if not console.is_terminal:
        yield _line_printer(console, started)
        return
    with Live(console=console, refresh_per_second=2) as live:

        def show(tasks: list[TaskState]) -> None:
            live.update(task_table(f"{title}, {time.monotonic() - started:.0f} s", tasks))

        yield show


def task_table(title: str, tasks: list[TaskState]) -> Table:
    """Return the tasks as a table: name, state, seconds."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("task")
    table.add_column("state")
    table.add_column("seconds", justify="right")
    for task in tasks:
        state = task.state or "waiting"
        again = f" (try {task.try_number})" if task.try_number > 1 else ""
        seconds = "" if task.seconds is None else f"{task.seconds:.0f}"
        table.add_row(task.task_id, f"{state}{again}", seconds, style=STYLES.get(state, "dim"))
    return table


def _line_printer(console: Console, started: float) -> Callable[[list[TaskState]], None]:
    last: dict[str, tuple[str | None, int]] = {}
    #: What passes in a moment is not worth a line.
    passing = {None, "scheduled", "queued"}

    def show(tasks: list[TaskState]) -> None:
        for task in tasks:
            now = (task.state, task.try_number)
            if task.state in passing or last.get(task.task_id) == now:
                continue
            last[task.task_id] = now
            seconds = f"  {task.seconds:.0f} s" if task.seconds and task.state != "running" else ""
            console.print(
                f"{time.monotonic() - started:6.0f} s  {task.task_id:<32} {task.state}{seconds}",
                highlight=False,
            )

    return show
