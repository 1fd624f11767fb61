"""Publishing on a real server: exact rows, the switch, what is refused and what is cleaned up."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import psycopg2
import pytest

from recsys.config import REPOSITORY, PublishConfig
from recsys.errors import DataError
from recsys.paths import Partition
from recsys.serving import publish as publishing
from recsys.serving import tables
from recsys.serving.postgres import DatabaseError

pytestmark = pytest.mark.postgres

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
LISTS_SQL = (
    "SELECT customer_id, string_agg(right(article_id, 1), '' ORDER BY rank)"
    " FROM recs.recommendations GROUP BY customer_id ORDER BY customer_id"
)
STATES_SQL = "SELECT run_id, state FROM recs.runs ORDER BY run_id"
PARTITIONS_SQL = (
    "SELECT relname FROM pg_class WHERE relname ~ '^(lists|articles|popular)_[0-9]+$'"
    " AND relkind = 'r' ORDER BY relname"
)
FIRST = [(A, "234"), (B, "345"), (C, "765"), (D, "432")]
OTHER_LISTS = {2: [7, 4, 2], 3: [7, 6, 5], 4: [2, 3, 4], 5: [2, 3, 6]}
SECOND = [(A, "742"), (B, "765"), (C, "234"), (D, "236")]


def test_a_published_run_reads_back_exactly(publish_day, query):
    outcome = publish_day()
    assert (outcome.run_id, outcome.active, outcome.changed) == (1, True, True)
    rows = query(
        "SELECT customer_id, rank, article_id, score, reason, run_date::text, model_version"
        " FROM recs.recommendations WHERE customer_id = %s ORDER BY rank",
        D,
    )
    assert rows == [
        (D, 1, "0108775004", 0.9, "picked for you", "2020-09-22", "model-1"),
        (D, 2, "0108775003", 0.5, "popular now", "2020-09-22", "model-1"),
        (D, 3, "0108775002", 0.25, "popular now", "2020-09-22", "model-1"),
    ]
    assert query(LISTS_SQL) == FIRST


def test_side_tables_read_back_exactly(publish_day, query):
    publish_day()
    assert query("SELECT * FROM recs.customers ORDER BY 1") == [
        (A, "20-24"),
        (B, "20-24"),
        (C, "unknown"),
        (D, "60+"),
    ]
    assert query(
        "SELECT article_id, prod_name, detail_desc, mean_price, is_on_sale"
        " FROM recs.articles ORDER BY article_id LIMIT 3"
    ) == [
        ("0108775002", "Strap top", None, 0.025, True),
        ("0108775003", 'Trousers, "wide"', None, 0.05, False),
        ("0108775004", "Blå kjole", None, None, False),
    ]
    assert query("SELECT * FROM recs.similar_articles ORDER BY 1, 2") == [
        ("0108775002", 1, "0108775003", 0.75),
        ("0108775002", 2, "0108775004", 0.5),
        ("0108775003", 1, "0108775002", 0.75),
    ]
    assert query("SELECT * FROM recs.popular_articles ORDER BY 1, 2") == [
        ("20-24", 1, "0108775003", 9.0),
        ("all", 1, "0108775007", 40.0),
        ("all", 2, "0108775002", 30.0),
    ]


def test_the_ledger_says_what_was_published(publish_day, query):
    publish_day()
    assert query(
        "SELECT state, run_date::text, source, model_version, policy, policy_days, k, customers,"
        " articles, recommendations, inputs, notes, length(checksum) FROM recs.runs"
    ) == [
        (
            "active", "2020-09-22", "shop-1", "model-1", "all", 30, 3, 4, 6, 12,
            {"recommendations.lists": "recommendations.lists@2020-09-22"},
            {"weights": "random"}, 64,
        )
    ]  # fmt: skip


def test_one_customer_an_unknown_one_and_a_segment(publish_day, query):
    publish_day()
    ask = "SELECT customer_id, rank, article_id, reason, model_version FROM recs.recommend"
    assert query(f"{ask}(%s, 2)", A) == [
        (A, 1, "0108775002", "picked for you", "model-1"),
        (A, 2, "0108775003", "popular now", "model-1"),
    ]
    assert query(f"{ask}('nobody', 5)") == [
        ("nobody", 1, "0108775007", "popular now", "model-1"),
        ("nobody", 2, "0108775002", "popular now", "model-1"),
    ]
    assert query(f"{ask}('nobody', 12, '20-24')") == [
        ("nobody", 1, "0108775003", "popular now", "model-1")
    ]
    assert query(f"{ask}('nobody', 1, 'no such segment')") == [
        ("nobody", 1, "0108775007", "popular now", "model-1")
    ]
    assert len(query(f"{ask}(%s)", A)) == 3


def test_a_customer_is_found_by_index_in_the_active_run_alone(publish_day, query):
    publish_day()
    publish_day("2020-09-23")
    plan = query(
        "SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)"
        " SELECT * FROM recs.recommendations WHERE customer_id = %s",
        A,
        role="recs_owner",
    )
    scans = [line.split("->")[1].strip() for (line,) in plan if "on lists_" in line]
    assert [scan.split(" (")[0] for scan in scans] == [
        "Index Scan using lists_1_customer_id_idx on lists_1 l_1",
        "Index Scan using lists_2_customer_id_idx on lists_2 l_2",
    ]
    assert ["never executed" in scan for scan in scans] == [True, False]


def test_the_same_run_again_changes_nothing_but_its_confirmation(publish_day, query):
    first = publish_day()
    (before,) = query("SELECT checksum, published_at, confirmed_at FROM recs.runs")
    again = publish_day()
    (after,) = query("SELECT checksum, published_at, confirmed_at FROM recs.runs")
    assert (again.run_id, again.active, again.changed) == (first.run_id, True, False)
    assert after[:2] == before[:2]
    assert after[2] > before[2]


def test_equal_rows_have_equal_checksums(publish_day, query):
    publish_day()
    publish_day("2020-09-23")
    publish_day("2020-09-24", lists=OTHER_LISTS)
    one, two, three = (row[0] for row in query("SELECT checksum FROM recs.runs ORDER BY run_id"))
    assert one == two
    assert one != three


def test_a_reader_in_a_transaction_does_not_hold_up_the_switch(publish_day, query, database):
    publish_day()
    reader = psycopg2.connect(database)
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recs.recommendations")
        assert cursor.fetchone() == (12,)
        outcome = publish_day("2020-09-23", lists=OTHER_LISTS)
        assert outcome.active
        assert query(LISTS_SQL) == SECOND
        # Read committed: the open transaction's next statement sees the new run, whole.
        cursor.execute(LISTS_SQL)
        assert cursor.fetchall() == SECOND
    reader.close()


def test_readers_see_the_old_run_or_the_new_one_and_never_wait_long(publish_day, database, query):
    publish_day()
    stop, seen, slowest = threading.Event(), set(), [0.0]

    def read() -> None:
        connection = psycopg2.connect(database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not stop.is_set():
                started = time.monotonic()
                cursor.execute(LISTS_SQL)
                seen.add(tuple(cursor.fetchall()))
                slowest[0] = max(slowest[0], time.monotonic() - started)
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for day in range(23, 29):
        publish_day(f"2020-09-{day}", **({"lists": OTHER_LISTS} if day % 2 else {}))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {tuple(FIRST), tuple(SECOND)}
    assert slowest[0] < 2
    states = [state for _, state in query(STATES_SQL)]
    assert states[-1] == "active"
    assert set(states[:-1]) == {"superseded", "dropped"}


def test_an_older_run_date_is_kept_aside(publish_day, query):
    publish_day()
    older = publish_day("2020-09-15", lists=OTHER_LISTS)
    assert (older.run_id, older.active, older.changed) == (2, False, True)
    assert query(LISTS_SQL) == FIRST
    assert query(STATES_SQL) == [(1, "active"), (2, "ready")]
    assert older.explanation == (
        "kept aside: run 1 of 2020-09-22 is active, and an older run date never becomes active by"
        " itself (publish.activate=always, or recs.activate, makes it)"
    )
    assert not publish_day("2020-09-15", lists=OTHER_LISTS).changed
    forced = publish_day("2020-09-15", lists=OTHER_LISTS, settings=PublishConfig(activate="always"))
    assert (forced.run_id, forced.active, forced.changed) == (2, True, True)
    assert query(LISTS_SQL) == SECOND


def test_an_older_run_date_of_other_data_does_become_active(publish_day):
    publish_day()
    other = publish_day("2019-01-01", source="shop-2", fingerprint="other")
    assert other.active


def test_rollback_and_activate(publish_day, query):
    publish_day()
    publish_day("2020-09-23", lists=OTHER_LISTS)
    assert query("SELECT recs.rollback()", role="recs_loader") == [(1,)]
    assert query(LISTS_SQL) == FIRST
    assert query(STATES_SQL) == [(1, "active"), (2, "superseded")]
    with pytest.raises(psycopg2.Error, match="there is no earlier run to go back to"):
        query("SELECT recs.rollback()", role="recs_loader")
    assert query("SELECT recs.activate(2)", role="recs_loader") == [(2,)]
    assert query(LISTS_SQL) == SECOND
    with pytest.raises(psycopg2.Error, match="there is no run 9"):
        query("SELECT recs.activate(9)", role="recs_loader")


def test_rollback_stays_with_its_source(publish_day, query):
    publish_day()
    publish_day("2020-09-23", source="shop-2")
    with pytest.raises(psycopg2.Error, match="there is no earlier run"):
        query("SELECT recs.rollback()", role="recs_loader")


def test_old_runs_are_dropped_and_the_ledger_keeps_them(publish_day, query):
    for day in range(20, 25):
        publish_day(f"2020-09-{day}", settings=PublishConfig(retain_runs=2))
    assert query(STATES_SQL) == [
        (1, "dropped"),
        (2, "dropped"),
        (3, "dropped"),
        (4, "superseded"),
        (5, "active"),
    ]
    assert [name for (name,) in query(PARTITIONS_SQL)] == [
        "articles_4", "articles_5", "lists_4", "lists_5", "popular_4", "popular_5",
    ]  # fmt: skip
    with pytest.raises(psycopg2.Error, match="run 1 is dropped"):
        query("SELECT recs.activate(1)", role="recs_loader")


def test_a_run_that_is_being_read_is_dropped_by_the_next_publish(publish_day, query, database):
    one = PublishConfig(retain_runs=1)
    publish_day(settings=one)
    reader = psycopg2.connect(database)
    with reader.cursor() as cursor:
        cursor.execute("SELECT * FROM recs.recommendations")
        started = time.monotonic()
        publish_day("2020-09-23", settings=one)
        assert time.monotonic() - started < 5
        assert query(STATES_SQL) == [(1, "superseded"), (2, "active")]
    reader.close()
    publish_day("2020-09-24", settings=one)
    assert query(STATES_SQL) == [(1, "dropped"), (2, "dropped"), (3, "active")]


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
        raise ValueError("the disk is full")

    monkeypatch.setattr(tables, "list_rows", break_off)
    with pytest.raises(DatabaseError, match="the disk is full"):
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
            tables.article_rows = die  # after the lists were sent
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


def test_freshness_without_a_run_on_time_and_late(publish_day, query):
    ask = "SELECT run_id, run_date::text, late_after::text, is_late FROM recs.freshness"
    assert query(ask) == [(None, None, None, True)]
    publish_day()
    assert query(ask) == [(1, "2020-09-22", "36:00:00", False)]
    query("UPDATE recs_data.runs SET confirmed_at = now() - interval '37 hours'", role="recs_owner")
    assert query(ask) == [(1, "2020-09-22", "36:00:00", True)]


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
