"""The job runner: flags, skipping, reports and exit codes, with a toy job."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from recsys.errors import ConfigError, DataError
from recsys.job import Job, run_job
from recsys.paths import Partition
from recsys.storage import Lake

Run = Callable[..., int]


def write_articles(job: Job) -> None:
    step = job.step(["features.articles"], inputs=[job.args.source], settings={"n": job.args.n})
    if step.is_current:
        return
    with step.write("features.articles") as draft:
        keys = pa.array(range(2, 2 + job.args.n), pa.int32())
        job.lake.put_table(draft, pa.table({"article_key": keys}))
        draft.counts["made"] = job.args.n


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=2)
    parser.add_argument("--source", type=Path, required=True)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "raw.csv").write_text("a\n")

    def _run(*flags: str, build: Callable[[Job], None] = write_articles) -> int:
        argv = ["--run-date", "2020-09-23", "--env", "test", "--lake", str(tmp_path / "lake")]
        argv += ["--report", "reports/r/t.json", "--source", str(tmp_path / "raw.csv"), *flags]
        return run_job(build, argv, name="toy", description="A toy.", add_arguments=add_arguments)

    return _run


def report_of(tmp_path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((tmp_path / "lake/reports/r/t.json").read_text())
    return content


def test_the_report_says_what_was_written(run: Run, tmp_path: Path) -> None:
    assert run() == 0
    report = report_of(tmp_path)
    assert (report["job"], report["status"], report["run_date"]) == ("toy", "written", "2020-09-23")
    assert report["outputs"] == [
        {
            "dataset": "features.articles",
            "key": "2020-09-23",
            "rows": 2,
            "counts": {"made": 2},
            "notes": {},
        }
    ]


def test_the_same_inputs_and_settings_are_not_worked_on_again(run: Run, tmp_path: Path) -> None:
    run()
    run()
    assert report_of(tmp_path)["status"] == "unchanged"


@pytest.mark.parametrize("change", ["setting", "input", "seed", "force"])
def test_any_change_is_worked_on(run: Run, tmp_path: Path, change: str) -> None:
    run()
    if change == "input":
        (tmp_path / "raw.csv").write_text("b\n")
    run(
        *{"setting": ["--n", "3"], "seed": ["--set", "seed=1"], "force": ["--force"]}.get(
            change, []
        )
    )
    assert report_of(tmp_path)["status"] == "written"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (DataError(["no column a", "no column b"]), 2, "bad_data"),
        (ConfigError("no such folder"), 3, "bad_configuration"),
    ],
)
def test_a_fault_is_one_sentence_and_an_exit_code(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    status: str,
) -> None:
    def fail(job: Job) -> None:
        raise error

    assert run(build=fail) == code
    assert report_of(tmp_path)["status"] == status
    assert report_of(tmp_path)["error"] == str(error)
    printed = capsys.readouterr().err
    assert str(error) in printed
    assert "Traceback" not in printed


def test_an_unforeseen_error_is_reported_and_raised(run: Run, tmp_path: Path) -> None:
    def fail(job: Job) -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        run(build=fail)
    assert report_of(tmp_path)["status"] == "failed"


def test_an_input_that_was_never_committed_names_its_job(run: Run, tmp_path: Path) -> None:
    def read(job: Job) -> None:
        job.step(["features.articles"], inputs=[job.partition("cleaned.articles")])

    assert run(build=read) == 2
    assert "run clean_catalogue first" in str(report_of(tmp_path)["error"])


def test_a_step_writes_only_what_it_announced(run: Run, tmp_path: Path) -> None:
    def stray(job: Job) -> None:
        step = job.step(["features.articles"], inputs=[])
        with step.write("features.customers"):
            pass

    with pytest.raises(ValueError, match=r"features\.customers"):
        run(build=stray)
    assert Lake(str(tmp_path / "lake")).manifest(Partition("features.customers", "x")) is None
