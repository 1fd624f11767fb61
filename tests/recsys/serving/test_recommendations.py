"""What people read of a run: one customer's list and its reasons, and how they are found."""

import random
import string

import pytest
from tests.recsys.serving.published import A, B, C, D

pytestmark = pytest.mark.postgres


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


def test_the_planner_expects_no_more_of_a_list_than_there_is(publish_day, query):
    publish_day()
    ((plan,),) = query(
        "EXPLAIN (FORMAT JSON) SELECT * FROM recs.recommendations WHERE customer_id = %s",
        A,
        role="recs_owner",
    )
    assert 1 <= plan[0]["Plan"]["Plan Rows"] <= 12


def test_reasons_name_what_caused_them(publish_day, query):
    texts = {
        2: [
            ("another variant of {article}", 4),
            ("bought {days} days ago", 31),
            ("popular now", 0),
        ],
        3: [("often bought together with {article}", 3)] * 3,
        4: [("popular now", None)] * 3,
        5: [("popular at your age", 0)] * 3,
    }
    rows = [
        {"customer_key": customer, "rank": rank, "article_key": 1 + rank, "score": 1.0}
        | {"reason": reason, "cause": cause}
        for customer, reasons in texts.items()
        for rank, (reason, cause) in enumerate(reasons, start=1)
    ]
    publish_day(rows=rows, policy="none")
    reasons = "SELECT reason FROM recs.recommendations WHERE customer_id = %s ORDER BY rank"
    assert query(reasons, A) == [
        ("another variant of Blå kjole",), ("bought 31 days ago",), ("popular now",),
    ]  # fmt: skip
    assert query(reasons, B) == [('often bought together with Trousers, "wide"',)] * 3
    assert query(reasons, C) == [("popular now",)] * 3
    # A run of before has no causes: its reasons are what they were.
    query("UPDATE recs_data.lists SET causes = NULL", role="recs_owner")
    assert query(reasons, D) == [("popular at your age",)] * 3
    assert query("SELECT count(*), count(rank) FROM recs.recommendations") == [(12, 12)]


def test_a_name_too_long_for_an_index_is_published_and_named_all_the_same(publish_day, query):
    name = "".join(random.Random(1).choices(string.ascii_letters, k=5000))
    rows = [
        {"customer_key": customer, "rank": rank, "article_key": 1 + rank, "score": 1.0}
        | {"reason": "another variant of {article}", "cause": 2}
        for customer in (2, 3, 4, 5)
        for rank in (1, 2, 3)
    ]
    publish_day(rows=rows, policy="none", names=[name, *"bcdef"])
    assert query("SELECT DISTINCT reason FROM recs.recommendations") == [
        (f"another variant of {name}",)
    ]
    indexed = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE %s"
    assert query(indexed, "%articles\\_1 %(article_key)") == [(1,)]
    publish_day("2020-09-23", rows=rows, policy="none")
    assert query(indexed, "%articles\\_2 %(article_key) INCLUDE (run_id, prod_name)") == [(1,)]
