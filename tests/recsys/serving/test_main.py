"""The commands, as a person types them."""

import gzip
import logging

import pytest

from recsys.serving.__main__ import main

pytestmark = pytest.mark.postgres

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
TOP_TWO = "".join(
    [
        "customer_id,rank,article_id,score\n",
        f"{A},1,0108775002,0.9\n{A},2,0108775003,0.5\n",
        f"{B},1,0108775003,0.9\n{B},2,0108775004,0.5\n",
        f"{C},1,0108775007,0.9\n{C},2,0108775006,0.5\n",
        f"{D},1,0108775004,0.9\n{D},2,0108775003,0.5\n",
    ]
)


@pytest.fixture
def run(database, monkeypatch, capsys):
    """Run a command on the database; return exit code, output and errors."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", database)
    # Log lines go to standard error too, and those of publishing are not this command's.
    monkeypatch.setattr("recsys.serving.__main__.log.configure", lambda: None)
    monkeypatch.setattr(logging.getLogger("recsys"), "propagate", False)

    def call(*arguments):
        code = main(list(arguments))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def test_migrate_twice(run, postgres_url):
    assert run("migrate") == (0, "the schema is up to date\n", "")


def test_export_writes_all_or_the_first_ranks(run, publish_day, tmp_path):
    publish_day()
    out = tmp_path / "recs.csv"
    code, shown, _ = run("export", "--out", str(out), "--policy", "all", "--k", "2")
    assert (code, shown) == (0, f"{out}: 8 rows of run 1 (2020-09-22, policy all)\n")
    assert out.read_text() == TOP_TWO
    run("export", "--out", str(out))
    assert len(out.read_text().splitlines()) == 13
    assert [path.name for path in tmp_path.glob("*recs*")] == ["recs.csv"]


def test_export_compresses_to_the_same_bytes_each_time(run, publish_day, tmp_path):
    publish_day()
    one, two = tmp_path / "one.csv.gz", tmp_path / "two.csv.gz"
    for out in (one, two):
        assert run("export", "--out", str(out), "--k", "2")[0] == 0
    assert gzip.decompress(one.read_bytes()).decode() == TOP_TWO
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--policy", "none"],
            "the active run was made with policy all, not none: make one with"
            " `make run POLICY=none`, then export again\n",
        ),
        (
            ["--k", "4"],
            "the active run has 3 recommendations a customer, and k=4 were asked for: make one with"
            " `make run K=4`, then export again\n",
        ),
    ],
)
def test_export_refuses_what_the_run_is_not(run, publish_day, tmp_path, arguments, message):
    publish_day()
    out = tmp_path / "recs.csv"
    assert run("export", "--out", str(out), *arguments) == (3, "", message)
    assert not out.exists()


def test_export_without_a_run_or_a_folder(run, tmp_path):
    code, _, error = run("export", "--out", str(tmp_path / "recs.csv"))
    assert (code, error) == (3, "no run is active: run publish_recommendations first\n")
    code, _, error = run("export", "--out", str(tmp_path / "missing" / "recs.csv"))
    assert code == 3
    assert error == f"there is no folder {tmp_path / 'missing'}: make it, or name another file\n"


def test_rollback_and_status(run, publish_day):
    assert run("status")[1].startswith("no run is active\n")
    publish_day()
    publish_day("2020-09-23")
    assert run("rollback") == (0, "run 1 is active\n", "")
    assert run("rollback")[2] == "there is no earlier run to go back to: see recs.runs\n"
    code, shown, _ = run("status")
    assert code == 0
    lines = shown.splitlines()
    assert lines[0].startswith("run 1, 0:00:0")
    assert lines[0].endswith("old, on time")
    assert lines[2].split()[:4] == ["run", "state", "run", "date"]
    assert lines[3].split()[:3] == ["2", "superseded", "2020-09-23"]
    assert lines[4].split()[:3] == ["1", "active", "2020-09-22"]
    assert run("rollback", "--run", "2") == (0, "run 2 is active\n", "")


def test_promote_an_unknown_version(run):
    assert run("promote", "v9") == (
        3,
        "",
        "there is no model version v9: see recs.model_versions\n",
    )


def test_a_missing_bad_or_dead_database_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("recsys.serving.__main__.log.configure", lambda: None)
    for url, code, beginning in (
        (None, 3, "RECSYS_DATABASE_URL is not set: expected postgresql://"),
        ("nonsense", 3, "RECSYS_DATABASE_URL is not a database URL"),
        ("postgresql://u:secret@127.0.0.1:1/x", 1, "cannot connect to Postgres (connection to"),
    ):
        monkeypatch.delenv("RECSYS_DATABASE_URL", raising=False)
        if url:
            monkeypatch.setenv("RECSYS_DATABASE_URL", url)
        assert main(["status"]) == code
        error = capsys.readouterr().err
        assert error.startswith(beginning)
        assert error.count("\n") == 1
        assert "secret" not in error


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for command in ("migrate", "status", "export", "rollback", "promote"):
        assert f"    {command} " in shown
