import io

from rich.console import Console

from stack.api import TaskState
from stack.progress import activity, follow_tasks, task_table


def plain() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, width=100), output


def test_elsewhere_than_on_a_terminal_each_change_is_one_line() -> None:
    console, output = plain()
    with follow_tasks(console, "full_refresh") as show:
        show([TaskState("clean", None, None, 0), TaskState("train", None, None, 0)])
        show([TaskState("clean", "queued", None, 1), TaskState("train", None, None, 0)])
        show([TaskState("clean", "running", 1.0, 1), TaskState("train", None, None, 0)])
        show([TaskState("clean", "running", 2.0, 1), TaskState("train", None, None, 0)])
        show([TaskState("clean", "success", 3.4, 1), TaskState("train", "running", 0.0, 1)])
    lines = [line.split(" s  ", 1)[1].split() for line in output.getvalue().splitlines()]
    assert lines == [["clean", "running"], ["clean", "success", "3", "s"], ["train", "running"]]


def test_on_a_terminal_it_is_a_table_of_task_state_and_seconds() -> None:
    console, output = plain()
    console.print(
        task_table(
            "full_refresh, 9 s",
            [
                TaskState("clean", "success", 3.4, 1),
                TaskState("train", "running", 5.1, 2),
                TaskState("publish", None, None, 0),
            ],
        )
    )
    assert [line.split() for line in output.getvalue().splitlines()] == [
        ["full_refresh,", "9", "s"],
        ["task", "state", "seconds"],
        ["clean", "success", "3"],
        ["train", "running", "(try", "2)", "5"],
        ["publish", "waiting"],
    ]


def test_the_same_words_are_said_once() -> None:
    console, output = plain()
    with activity(console, "Starting") as say:
        say("Postgres")
        say("Airflow")
        say("Airflow")
    assert output.getvalue().splitlines() == [
        "Starting: Postgres",
        "Starting: Airflow",
        "Starting: 0 s",
    ]
