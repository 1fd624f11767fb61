"""Publishing on a real server: exact rows and the switch."""

import threading
import time

import psycopg2
import pytest
from tests.recsys.serving.published import (
    FIRST,
    LISTS_SQL,
    OTHER_LISTS,
    SECOND,
    STATES_SQL,
    A,
    B,
    C,
    D,
)

from recsys.errors import DataError

pytestmark = pytest.mark.postgres

POPULAR_SQL = "SELECT segment, rank, article_id, score FROM recs.popular_articles ORDER BY 1, 2"


def test_a_published_run_has_statistics(publish_day, query):
    publish_day()
    known = "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'recs_data' ORDER BY 1, 2"
    found = query(known, role="recs_owner")
    assert ("lists_1", "age_band") in found
    assert ("articles_1", "product_type_name") in found
    assert ("lists_1", "article_ids") not in found
    # Of all runs together: how many articles there are decides how one customer's are looked up.
    assert ("articles", "article_id") in found


def test_a_published_run_reads_back_exactly(publish_day, query):
    outcome = publish_day()
    assert (outcome.run_id, outcome.active, outcome.changed) == (1, True, True)
    assert 1000 * outcome.seconds > outcome.switch_ms > 0
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
            {"weights": "random"}, 32,
        )
    ]  # fmt: skip


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


def test_popular_articles_are_of_those_offered_and_ranked_anew(publish_day, query):
    publish_day(offered=[2, 3, 4, 5, 6])
    assert query(POPULAR_SQL) == [
        ("20-24", 1, "0108775003", 9.0),
        ("all", 1, "0108775002", 30.0),
    ]
    assert query("SELECT article_id, rank FROM recs.recommend('nobody')") == [("0108775002", 1)]


def test_without_a_popular_article_that_is_offered_nothing_is_published(publish_day, query):
    with pytest.raises(DataError, match="popularity has no segment 'all'"):
        publish_day(offered=[3])
    assert query("SELECT state FROM recs.runs") == [("failed",)]
