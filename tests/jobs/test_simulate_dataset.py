import subprocess
import sys

import pytest
from jobs.simulate_dataset import main

SIZES = ["--customers", "20", "--articles", "15", "--transactions", "90", "--images", "2"]


def test_the_job_writes_a_folder_and_then_leaves_it(tmp_path, caplog, capfd):
    out = tmp_path / "data"
    assert main(["--out", str(out), *SIZES]) == 0
    assert len((out / "transactions_train.csv").read_text().splitlines()) == 91
    assert "status=written" in capfd.readouterr().err
    assert main(["--out", str(out), *SIZES]) == 0
    assert "status=unchanged" in capfd.readouterr().err


def test_a_bad_size_is_one_sentence_and_exit_code_3(tmp_path, capfd):
    out = tmp_path / "data"
    assert main(["--out", str(out), *SIZES, "--customers", "0"]) == 3
    error = capfd.readouterr().err
    assert error.endswith("customers must be from 1 to 10,000,000. Got 0\n")
    assert "Traceback" not in error
    assert not out.exists()


def test_a_foreign_folder_needs_force(tmp_path, capfd):
    (tmp_path / "precious.txt").write_text("mine")
    assert main(["--out", str(tmp_path), *SIZES]) == 3
    assert "replace the folder with --force" in capfd.readouterr().err
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_the_last_day_and_the_number_of_days_can_be_chosen(tmp_path):
    out = tmp_path / "data"
    assert main(["--out", str(out), *SIZES, "--end-date", "2021-01-31", "--days", "31"]) == 0
    days = [line[:10] for line in (out / "transactions_train.csv").read_text().splitlines()[1:]]
    assert days == sorted(days)
    assert "2021-01-01" <= days[0] <= days[-1] <= "2021-01-31"


def test_a_day_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--out", str(tmp_path), "--end-date", "yesterday"])
    assert exit_.value.code == 2
    assert "a day must read YYYY-MM-DD. Got 'yesterday'" in capsys.readouterr().err


def test_another_process_writes_the_same_bytes(tmp_path):
    arguments = [*SIZES, "--seed", "5"]
    assert main(["--out", str(tmp_path / "here"), *arguments]) == 0
    command = [sys.executable, "jobs/simulate_dataset.py", "--out", str(tmp_path / "there")]
    subprocess.run([*command, *arguments], check=True, env={"PYTHONPATH": "include:."})
    here = sorted(p for p in (tmp_path / "here").rglob("*") if p.is_file())
    assert len(here) == 6
    for path in here:
        other = tmp_path / "there" / path.relative_to(tmp_path / "here")
        assert path.read_bytes() == other.read_bytes()
