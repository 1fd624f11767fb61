"""Several runs: which one is active, rollback, retention, freshness."""

import time

import psycopg2
import pytest
from tests.recsys.serving.published import (
    FIRST,
    LISTS_SQL,
    OTHER_LISTS,
    PARTITIONS_SQL,
    SECOND,
    STATES_SQL,
)

from recsys.config import PublishConfig
from recsys.serving import runs

pytestmark = pytest.mark.postgres


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


def test_no_lock_is_waited_for_behind_a_long_reader(publish_day, database, monkeypatch):
    one, tried, drop = PublishConfig(retain_runs=1), [], runs._drop
    monkeypatch.setattr(runs, "_drop", lambda *given: tried.append(given[1]) or drop(*given))
    publish_day(settings=one)
    reader = psycopg2.connect(database)
    with reader.cursor() as cursor:
        cursor.execute("SELECT * FROM recs.recommendations")
        publish_day("2020-09-23", settings=one)
        assert not tried  # all other readers would wait behind who waits for a lock
    reader.close()
    publish_day("2020-09-24", settings=one)
    assert tried == [2, 1]


def test_freshness_without_a_run_on_time_and_late(publish_day, query):
    ask = "SELECT run_id, run_date::text, late_after::text, is_late FROM recs.freshness"
    assert query(ask) == [(None, None, None, True)]
    publish_day()
    assert query(ask) == [(1, "2020-09-22", "36:00:00", False)]
    query("UPDATE recs_data.runs SET confirmed_at = now() - interval '37 hours'", role="recs_owner")
    assert query(ask) == [(1, "2020-09-22", "36:00:00", True)]
