from pathlib import Path

import pytest

from stack.__main__ import libpq_environment, main
from stack.arguments import Arguments
from stack.run import run_conf


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("RECSYS_DATABASE_URL", "RECSYS_UI_PORT", "RECSYS_POSTGRES_PORT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("RECSYS_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_down_and_status_of_a_stack_that_never_was(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["down"]) == 0
    capsys.readouterr()
    assert main(["status"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["postgres", "stopped"],
        ["api-server", "stopped"],
        ["scheduler", "stopped"],
        ["dag-processor", "stopped"],
        ["triggerer", "stopped"],
    ]
    assert not state.exists()


@pytest.mark.parametrize(
    "argv", [["psql"], ["export", "--out", "recs.csv"], ["promote", "--version", "v1"]]
)
def test_what_needs_the_stack_says_so(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 3
    assert capsys.readouterr().err == (
        "the stack is not up: `make up` starts it, `make status` says more\n"
    )


def test_a_port_that_is_none_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECSYS_UI_PORT", "http")
    assert main(["up"]) == 3
    assert capsys.readouterr().err == (
        "RECSYS_UI_PORT must be a port number from 1 to 65535. Got http\n"
    )


def test_a_database_that_does_not_answer_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/recs")
    monkeypatch.setenv("RECSYS_AIRFLOW_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/airflow")
    assert main(["up"]) != 0
    error = capsys.readouterr().err
    assert error.startswith("the recommendations' database could not be prepared: ")
    assert "Connection refused" in error
    assert "Traceback" not in error
    assert error.count("\n") == 1


def test_a_state_folder_that_is_a_file_is_one_sentence(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.write_text("")
    assert main(["up"]) == 1
    assert capsys.readouterr().err == f"File exists: {state}\n"


def test_clean_leaves_files_that_are_not_the_stacks(state: Path) -> None:
    (state / "postgres").mkdir(parents=True)
    (state / "data" / "simulated").mkdir(parents=True)
    (state / "data" / "mine").mkdir()
    assert main(["clean"]) == 0
    assert sorted(p.relative_to(state).as_posix() for p in state.rglob("*")) == [
        "data",
        "data/mine",
    ]


def test_the_run_is_told_what_the_user_chose_and_nothing_else() -> None:
    assert run_conf(Arguments(command="run"), "/simulated") == {
        "data": "/simulated",
        "env": "simulated",
        "activate": "always",
    }
    assert run_conf(Arguments(command="run", data="/mine", policy="none", k=7), "/mine") == {
        "data": "/mine",
        "env": "demo",
        "activate": "always",
        "k": 7,
        "policy": "none",
    }


def test_psql_is_told_the_address_by_variables() -> None:
    assert libpq_environment("postgresql://a:p%40@db:5433/recs?sslmode=require") == {
        "PGUSER": "a",
        "PGPASSWORD": "p@",
        "PGDATABASE": "recs",
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGSSLMODE": "require",
    }
