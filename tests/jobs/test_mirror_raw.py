"""The job that mirrors a bucket: its flags, its last line, its exit codes."""

from pathlib import Path

import pytest
from jobs.mirror_raw import main


def test_a_bucket_is_mirrored_and_then_it_is_unchanged(s3, tmp_path, capfd):
    s3.put("raw/articles.csv", b"a,b\n")
    flags = [f"--from={s3.address}/raw/", f"--to={tmp_path / 'raw'}"]
    assert main(flags) == 0
    assert (tmp_path / "raw" / "articles.csv").read_bytes() == b"a,b\n"
    lines = capfd.readouterr().err.splitlines()
    start = f"start source={s3.address}/raw to={tmp_path}/raw endpoint={s3.endpoint}"
    assert lines[0].endswith(start)
    assert "status=written" in lines[-1]
    assert lines[-1].endswith(
        "objects=1 fetched=1 fetched_bytes=4 unchanged=0 size_only=0 kept=0 removed=0"
    )
    assert main(flags) == 0
    assert "status=unchanged" in capfd.readouterr().err.splitlines()[-1]
    s3.delete("raw/articles.csv")
    s3.put("raw/customers.csv", b"c\n")
    assert main([*flags, "--delete", "--workers=1"]) == 0
    assert "removed=1" in capfd.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "raw" / "articles.csv").exists()


def test_an_endpoint_can_be_named(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3.put("raw/a.csv", b"x")
    to = f"--to={tmp_path / 'raw'}"
    assert main([f"--from={s3.address}/raw", to, f"--endpoint-url={s3.endpoint}"]) == 0
    assert (tmp_path / "raw" / "a.csv").read_bytes() == b"x"


def error_of(capfd: pytest.CaptureFixture[str]) -> str:
    lines = capfd.readouterr().err.splitlines()
    assert not any("Traceback" in line for line in lines)
    return lines[-1].partition("ERROR recsys.mirror_raw: ")[2]


def test_a_bucket_that_is_not_there_is_one_sentence(s3, tmp_path, capfd):
    assert main(["--from=s3://not-there/raw", f"--to={tmp_path / 'raw'}"]) == 3
    assert error_of(capfd).startswith("no bucket for s3://not-there/raw at ")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("place", ["file", "file/raw", "occupied"])
def test_a_target_that_cannot_be_written_is_one_sentence(s3, tmp_path: Path, capfd, place):
    s3.put("raw/a.csv", b"x")
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "occupied" / "a.csv").mkdir(parents=True)
    assert main([f"--from={s3.address}/raw", f"--to={tmp_path / place}"]) == 3
    error = error_of(capfd)
    assert error.startswith("cannot write ")
    assert str(tmp_path) in error


def test_a_key_that_leads_out_is_bad_data(s3, tmp_path, capfd):
    s3.put("raw/../../evil", b"x")
    assert main([f"--from={s3.address}/raw", f"--to={tmp_path / 'raw'}"]) == 2
    assert "'raw/../../evil' is no path of a file" in error_of(capfd)


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_workers_are_a_number(workers, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--from=s3://b/raw", "--to=raw", f"--workers={workers}"])
    assert caught.value.code == 2
    assert f"must be a whole number above 0. Got '{workers}'" in capsys.readouterr().err


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--from", "--to", "--endpoint-url", "--workers", "--delete"):
        assert flag in text
