import json
from pathlib import Path

from stack.api import TaskState
from stack.failure import explain_failure, last_words

TASKS = [
    TaskState("resolve_run", "success", 3.0, 1),
    # Of two branches, the one that waits for the other may be listed first.
    TaskState("images.embed_images", "upstream_failed", None, 0),
    TaskState("clean.clean_catalogue", "failed", 4.0, 2),
    TaskState("train.train_models", "upstream_failed", None, 0),
]


def write(log: Path, *entries: object) -> Path:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    return log


def test_the_failed_task_is_named_with_its_error_and_its_log(tmp_path: Path) -> None:
    log = write(
        tmp_path
        / "dag_id=full_refresh/run_id=manual__1/task_id=clean.clean_catalogue/attempt=2.log",
        {"event": "run python", "level": "info"},
        {
            "event": "Task failed with exception",
            "level": "error",
            "error_detail": [
                {"exc_type": "AirflowFailException", "exc_value": "bad data: no column article_id"}
            ],
        },
        {"event": "cleaning up", "level": "info"},
    )
    assert explain_failure(tmp_path, "full_refresh", "manual__1", TASKS) == (
        f"clean.clean_catalogue failed: bad data: no column article_id (log: {log})"
    )


def test_a_run_that_failed_by_itself_points_to_the_ui(tmp_path: Path) -> None:
    assert explain_failure(tmp_path, "full_refresh", "manual__1", TASKS[:1]) == (
        "full_refresh failed without a failed task: look at run manual__1 in the UI"
    )


def test_without_an_exception_the_last_error_counts_and_else_the_last_line(tmp_path: Path) -> None:
    error = {"event": "process was killed", "level": "error"}
    info = {"event": "bye", "level": "info"}
    assert last_words(write(tmp_path / "a.log", error, info)) == "process was killed"
    assert last_words(write(tmp_path / "b.log", info)) == "bye"
    (tmp_path / "c.log").write_text("not json\n")
    assert last_words(tmp_path / "c.log") == "not json"
    assert last_words(write(tmp_path / "d.log")) == "its log is empty"
    assert last_words(tmp_path / "none.log") == "it left no log"
