"""Publishing that goes wrong: what is refused, and what is cleaned up."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import date, timedelta

import psycopg2
import pytest
from tests.recsys.conftest import commit_transactions, make_transactions
from tests.recsys.serving.conftest import DAY
from tests.recsys.serving.published import (
    FIRST,
    LISTS_SQL,
    OTHER_LISTS,
    PARTITIONS_SQL,
    SECOND,
    STATES_SQL,
    A,
)

from recsys.config import REPOSITORY, PublishConfig
from recsys.errors import DataError
from recsys.paths import Partition
from recsys.serving import publish as publishing
from recsys.serving import tables
from recsys.serving.postgres import DatabaseError
from recsys.serving.tables import DAYS_A_BLOCK

pytestmark = pytest.mark.postgres

#: More than are read beside the two blocks of so few lists.
DAYS = 3 * DAYS_A_BLOCK


def test_a_second_publisher_says_that_it_is_one(publish_day, database):
    publish_day()
    first = psycopg2.connect(database)
    with first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (publishing.PUBLISH_LOCK,))
        with pytest.raises(DatabaseError, match=r"^another publisher is at work on this database"):
            publish_day("2020-09-23", settings=PublishConfig(lock_timeout_ms=50))
    first.close()
    assert publish_day("2020-09-23").active


def test_a_copy_that_fails_leaves_the_old_run_and_no_tables(publish_day, query, monkeypatch):
    publish_day()
    healthy = tables.list_rows

    def break_off(*arguments):
        yield from healthy(*arguments)
        raise ValueError("this row is bad")

    monkeypatch.setattr(tables, "list_rows", break_off)
    with pytest.raises(ValueError, match="this row is bad"):
        publish_day("2020-09-23", lists=OTHER_LISTS)
    assert query(LISTS_SQL) == FIRST
    assert query(STATES_SQL) == [(1, "active"), (2, "failed")]
    assert "lists_2" not in [name for (name,) in query(PARTITIONS_SQL)]
    monkeypatch.undo()
    assert publish_day("2020-09-23", lists=OTHER_LISTS).active
    assert query(LISTS_SQL) == SECOND


@pytest.mark.parametrize("moment", ["fill", "finish"])
def test_a_killed_publisher_leaves_the_old_run_and_the_next_one_cleans_up(
    publish_day, query, database, lake, fill_lake, run_of, moment
):
    publish_day()
    run = run_of("2020-09-23")
    fill_lake("2020-09-23", lists=OTHER_LISTS)
    script = textwrap.dedent(f"""
        import os, signal
        from recsys.config import PublishConfig
        from recsys.serving import runs, tables
        from recsys.serving.publish import publish
        from recsys.serving.snapshot import Run, Snapshot
        from recsys.storage import Lake

        def die(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)

        if {moment!r} == "fill":
            tables.list_rows = die  # after the articles were sent
        else:
            runs.finish = die  # after the tables were committed
        publish({database!r}, Snapshot(Lake({lake.root!r}), "2020-09-23"), {run!r}, PublishConfig())
    """)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "include")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    assert query(LISTS_SQL) == FIRST
    assert query(STATES_SQL) == [(1, "active"), (2, "loading")]
    assert ("lists_2" in [n for (n,) in query(PARTITIONS_SQL)]) == (moment == "finish")
    settings = PublishConfig(lock_timeout_ms=10_000)
    assert publish_day("2020-09-23", lists=OTHER_LISTS, settings=settings).run_id == 3
    assert query(LISTS_SQL) == SECOND
    assert query("SELECT state, explanation FROM recs.runs WHERE run_id = 2") == [
        ("failed", "its publisher was stopped")
    ]
    assert "lists_2" not in [name for (name,) in query(PARTITIONS_SQL)]


def test_a_failed_audit_is_in_the_ledger(publish_day, query):
    publish_day()
    with pytest.raises(DataError, match="with an article bought before"):
        publish_day("2020-09-23", lists={2: [5, 3, 4], 3: [3, 4, 5], 4: [7, 6, 5], 5: [4, 3, 2]})
    ((state, explanation),) = query("SELECT state, explanation FROM recs.runs WHERE run_id = 2")
    assert state == "failed"
    assert explanation == (
        "recommendations[2020-09-23]: customers with an article bought before (policy all): 1"
        f" (the first is {A})"
    )
    assert query(LISTS_SQL) == FIRST


@pytest.mark.parametrize("days_ago", [DAYS, 1], ids=["first", "last"])
def test_no_day_is_left_out_where_there_are_many(database, lake, fill_lake, run_of, days_ago):
    snapshot, run_date = fill_lake(), date.fromisoformat(DAY)
    bought = [(run_date - timedelta(days=n + 1), 3, 7, 1) for n in range(DAYS)]
    recommended = (run_date - timedelta(days=days_ago), 2, 3, 1)
    commit_transactions(lake, DAY, make_transactions([*bought, recommended]))
    with pytest.raises(DataError, match=rf"bought before \(policy all\): 1 .*{A}"):
        publishing.publish(database, snapshot, run_of(), PublishConfig())


def test_inputs_must_be_committed(database, lake, fill_lake, run_of):
    snapshot = fill_lake()
    lake.fs.rm(f"{lake.root}/{Partition('cleaned.transactions', '2020-09-22').folder}", True)
    with pytest.raises(DataError, match="run clean_transactions first"):
        publishing.publish(database, snapshot, run_of(), PublishConfig())


def test_a_query_planned_before_the_load_and_run_after_the_switch_finds_rows(
    publish_day, database, query
):
    publish_day()
    # The planner asks a stable function for its value, so that this query is long in planning: by
    # then it has looked up the partitions, and only later will it look up the active run.
    query(
        "CREATE FUNCTION public.slow() RETURNS text LANGUAGE plpgsql STABLE AS"
        " $$ BEGIN PERFORM pg_sleep(0.05); RETURN ''; END $$",
        role="postgres",
    )
    found = []

    def read() -> None:
        with psycopg2.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM recs.recommendations"
                " WHERE customer_id > (SELECT public.slow()) AND customer_id > public.slow()"
            )
            found.append(cursor.fetchone()[0])

    for day in range(23, 28):
        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(0.02)
        publish_day(f"2020-09-{day}")
        thread.join()
    assert found == [12] * 5
