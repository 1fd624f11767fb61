"""The last look at what is published, with one thing broken at a time in the database itself."""

import psycopg2
import pytest

from recsys.errors import DataError
from recsys.serving import check as checking
from recsys.serving.check import Found, check
from recsys.serving.copy_out import read_batches

pytestmark = pytest.mark.postgres

A, B = "a" * 64, "b" * 64


@pytest.fixture
def faults(database, fill_lake, query, publish_day):
    """Publish, change something as the owner, and return what the check says."""
    publish_day()
    snapshot = fill_lake()

    def find(statement):
        query(statement, role="recs_owner")
        with pytest.raises(DataError) as raised:
            check(database, snapshot, run_date="2020-09-22", source="shop-1")
        return raised.value.faults

    return find


def test_what_was_published_is_found(database, fill_lake, publish_day):
    publish_day()
    found = check(database, fill_lake(), run_date="2020-09-22", source="shop-1")
    assert found == Found(run_id=1, active=True, customers=4, recommendations=12)


def test_a_run_kept_aside_is_found_aside(database, fill_lake, publish_day):
    publish_day("2020-09-23")
    publish_day()
    found = check(database, fill_lake(), run_date="2020-09-22", source="shop-1")
    assert found == Found(run_id=2, active=False)


def test_nothing_and_another_day_are_not_this_run(database, fill_lake, publish_day):
    snapshot = fill_lake()
    for shown in ("no run is active", "run 1 of 2020-09-21 is"):
        with pytest.raises(DataError) as raised:
            check(database, snapshot, run_date="2020-09-22", source="shop-1")
        assert raised.value.faults == [
            f"the run of 2020-09-22 is not active ({shown}): publish_recommendations"
        ]
        publish_day("2020-09-21")


def test_a_list_that_is_cut_short(faults):
    statement = (
        f"UPDATE recs_data.lists SET article_ids = article_ids[:2] WHERE customer_id = '{B}'"
    )
    assert faults(statement)[0] == ("published run 1: 1 customers do not have ranks 1 to 3")


def test_a_missing_customer(faults):
    assert faults(f"DELETE FROM recs_data.lists WHERE customer_id = '{B}'") == [
        "published run 1: 1 customers do not have ranks 1 to 3"
    ]


def test_a_customer_nobody_knows(faults):
    assert faults(f"UPDATE recs_data.lists SET customer_id = 'x' WHERE customer_id = '{B}'") == [
        "published run 1: 1 customers do not have ranks 1 to 3",
        "published run 1: 3 rows name an unknown customer or article",
    ]


def test_a_purchased_article(faults):
    statement = f"UPDATE recs_data.lists SET article_ids[3] = 108775005 WHERE customer_id = '{A}'"
    assert faults(statement) == [
        "published run 1: 1 rows recommend what the customer bought (policy all)"
    ]


def test_a_late_run_and_one_without_popular_articles(faults):
    assert faults("UPDATE recs_data.runs SET confirmed_at = '2020-01-01'") == [
        "published run 1: recs.freshness does not call it active and on time"
    ]
    assert faults("DELETE FROM recs_data.popular WHERE age_band = 'all'") == [
        "published run 1: recs.recommend has nothing for an unknown customer",
        "published run 1: recs.freshness does not call it active and on time",
    ]


def test_batches_arrive_whole_and_an_error_is_raised(database, publish_day):
    publish_day()
    with checking.session(database) as connection:
        query = "SELECT customer_id, rank, article_id FROM recs.recommendations"
        for block_bytes in (200, 1 << 20):
            batches = list(read_batches(connection, query, checking.ROWS, block_bytes=block_bytes))
            assert sum(batch.num_rows for batch in batches) == 12
        broken = "SELECT 1 / (3 - n) FROM generate_series(1, 9) AS n"
        with pytest.raises(psycopg2.errors.DivisionByZero):
            list(read_batches(connection, broken, checking.ROWS))
