"""A job whose lake or raw files are in a store that is not as it should be: one sentence."""

from collections.abc import Callable

import pytest
from tests.s3 import Store

from recsys.errors import RecsysError
from recsys.faults import explained_store
from recsys.job import Job, run_job

CLOSED = "http://127.0.0.1:9"


def write_text(job: Job) -> None:
    job.lake.write_text("a.txt", "a")


def run(lake: str, build: Callable[[Job], None] = write_text, *flags: str) -> int:
    argv = ["--run-date", "2020-09-23", "--env", "test", "--lake", lake, *flags]
    return run_job(build, argv, name="toy", description="A toy.")


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The warnings and errors that the job logged."""
    lines = capsys.readouterr().err.splitlines()
    return [line.split("recsys.toy: ")[1] for line in lines if " INFO " not in line]


def test_a_lake_may_be_empty(s3: Store) -> None:
    assert run(f"{s3.address}/lake", write_text, "--report", "report.json") == 0
    assert s3.keys() == ["lake/a.txt", "lake/report.json"]
    assert run(s3.address) == 0
    assert s3.keys() == ["a.txt", "lake/a.txt", "lake/report.json"]


def test_no_bucket(s3: Store, capsys: pytest.CaptureFixture[str]) -> None:
    built: list[Job] = []
    assert run("s3://not-there/lake", built.append, "--report", "report.json") == 3
    assert built == []
    assert said(capsys) == [f"no bucket for s3://not-there/lake at {s3.endpoint}: check its name"]


def test_a_store_that_does_not_know_who_asks(
    s3: Store, strict: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{s3.address}/lake") == 3
    assert said(capsys) == [
        f"no permission for {s3.address}/lake at {s3.endpoint} (InvalidAccessKeyId): check the"
        " credentials, which must allow listing the bucket and reading its objects, and a lake's"
        " writing them"
    ]


def test_who_may_only_list(
    s3: Store,
    strict: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The report cannot be written either, and must not hide what is wrong."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", strict[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", strict[1])
    assert run(f"{s3.address}/lake", write_text, "--report", "report.json") == 3
    report, sentence = said(capsys)
    assert report.startswith(f"no report: no permission for {s3.address}/lake")
    assert sentence.startswith(
        f"no permission for {s3.address}/lake at {s3.endpoint} (AccessDenied"
    )


def test_nobody_there(
    s3: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", CLOSED)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run(f"{s3.address}/lake") == 1
    (sentence,) = said(capsys)
    assert sentence.startswith(f"cannot reach the object store at {CLOSED} for {s3.address}/lake")


def test_no_credentials(
    s3: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert run(f"{s3.address}/lake") == 3
    (sentence,) = said(capsys)
    assert sentence.startswith(
        f"no usable credentials for {s3.address}/lake: set AWS_ACCESS_KEY_ID"
    )


def test_errors_of_a_disk_are_left_as_they_are() -> None:
    with pytest.raises(PermissionError), explained_store("/lake"):
        raise PermissionError("no")
    assert not issubclass(PermissionError, RecsysError)
