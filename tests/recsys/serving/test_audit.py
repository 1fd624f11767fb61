"""Each promise about the lists, broken once; and all at once."""

import math
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit_transactions, make_transactions
from tests.recsys.serving.conftest import DAY

from recsys.errors import DataError
from recsys.serving.audit import audit
from recsys.serving.listed import Listed
from recsys.serving.lists import read_blocks
from recsys.serving.snapshot import Snapshot

A, B = "a" * 64, "b" * 64
GOOD = {2: [2, 3, 4], 3: [3, 4, 5], 4: [7, 6, 5], 5: [4, 3, 2]}


@pytest.fixture
def faults(fill_lake, run_of):
    """Audit lists that differ from the good ones, and return what is said of them."""

    def find(*, run=None, **changes):
        snapshot = fill_lake(**changes)
        try:
            audit(snapshot, run_of(**(run or {})))
        except DataError as error:
            return [fault.removeprefix("recommendations[2020-09-22]: ") for fault in error.faults]
        return []

    return find


def rows(lists, **changes):
    found = [
        {"customer_key": c, "rank": r, "article_key": a, "score": 1.0 / r, "reason": "popular now"}
        for c, articles in lists.items()
        for r, a in enumerate(articles, start=1)
    ]
    found[0] |= changes
    return found


def test_good_lists_have_no_faults(faults):
    assert faults() == []


def test_a_short_and_a_long_list(faults):
    assert faults(lists=GOOD | {2: [2, 3]}) == [
        f"customers without exactly 3 recommendations: 1 (the first is {A})"
    ]
    assert faults(rows=rows(GOOD | {3: [3, 4, 5, 6]})) == [
        f"customers without exactly 3 recommendations: 1 (the first is {B})"
    ]


def test_a_customer_without_a_list(faults):
    lists = {key: value for key, value in GOOD.items() if key != 3}
    assert faults(lists=lists) == [f"customers without recommendations: 1 (the first is {B})"]


def test_a_customer_nobody_knows(faults):
    assert faults(lists=GOOD | {99: [2, 3, 4]}) == [
        "customers that are not in cleaned.customers: 1 (the first is key 99)"
    ]


def test_a_list_in_two_places(faults):
    scattered = rows(GOOD)
    assert faults(rows=scattered + scattered[:3]) == [
        f"customers whose recommendations stand in more than one place: 1 (the first is {A})"
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"rank": 4}, "whose ranks are not 1 to 3"),
        ({"article_key": 3}, "with an article twice"),
        ({"article_key": 8}, "with an article that is not in the catalogue"),
        ({"article_key": None}, "with an article that is not in the catalogue"),
        ({"score": math.inf}, "with a score that is not finite"),
        ({"score": None}, "with a score that is not finite"),
        ({"score": 0.1}, "with a score that rises with rank"),
        ({"article_key": 5}, "with an article bought before (policy all)"),
        ({"reason": None}, "with a recommendation without a reason"),
        ({"reason": "like {article}"}, "with a reason that names no article"),
        ({"reason": "like {article}", "cause": 8}, "with a reason that names no article"),
        ({"reason": "{days} days ago"}, "with a reason that names no days"),
    ],
)
def test_one_bad_value(faults, change, fault):
    assert faults(rows=rows(GOOD, **change)) == [f"customers {fault}: 1 (the first is {A})"]


def test_a_reason_may_name_an_article_of_the_catalogue(faults):
    assert faults(rows=rows(GOOD, reason="like {article}", cause=7)) == []


def test_the_policy_says_what_bought_before_means(faults):
    # Customer 2 bought article 5 twenty days ago and article 6 two days ago.
    old, recent = GOOD | {2: [5, 3, 4]}, GOOD | {2: [6, 3, 4]}
    bought = [f"customers with an article bought before (policy last_n_days): 1 (the first is {A})"]
    for days, old_fault in ((30, bought), (20, bought), (19, [])):
        run = {"policy": "last_n_days", "policy_days": days}
        assert faults(run=run, lists=old) == old_fault
        assert faults(run=run, lists=recent) == bought
    assert faults(run={"policy": "none"}, lists=recent) == []


def test_days_without_purchases_forbid_nothing_but_no_history_is_an_error(fill_lake, lake):
    fill_lake()
    run_date = date.fromisoformat(DAY)
    commit_transactions(lake, DAY, make_transactions([(run_date - timedelta(days=20), 2, 5, 1)]))
    policies = [("last_n_days", 19), ("last_n_days", 20), ("all", 30), ("none", 30)]
    assert [_bought(lake, *policy) for policy in policies] == [[], [(2, 5)], [(2, 5)], []]
    commit_transactions(lake, DAY, make_transactions([(run_date, 2, 5, 1)]))
    with pytest.raises(DataError, match="has no purchases before 2020-09-22"):
        _bought(lake, "all", 30)


def _bought(lake, policy, days):
    batches = Snapshot(lake, DAY).bought(policy, days)
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def test_all_faults_are_named_at_once(faults):
    lists = {2: [5, 3, 4], 3: [3, 3, 5], 4: [7, 6, 5]}
    assert faults(lists=lists) == [
        f"customers with an article twice: 1 (the first is {B})",
        f"customers with an article bought before (policy all): 1 (the first is {A})",
        f"customers without recommendations: 1 (the first is {'d' * 64})",
    ]


def test_blocks_hold_whole_lists_whatever_the_batches(fill_lake):
    snapshot = fill_lake(lists=GOOD | {4: [7, 6]})
    for size in (1, 2, 4, 100):
        blocks = list(read_blocks(snapshot.lists, 3, rows=size))
        lists = {
            int(customer): articles.tolist()
            for block in blocks
            for customer, articles in zip(block.customers, block.articles, strict=True)
        }
        assert lists == {2: [2, 3, 4], 3: [3, 4, 5], 5: [4, 3, 2]}
        assert np.concatenate([block.uneven for block in blocks]).tolist() == [4]


def test_no_lists_at_all(faults):
    assert faults(rows=[]) == [f"customers without recommendations: 4 (the first is {A})"]


def test_purchases_of_unknown_customers_are_nobodys(fill_lake):
    listed = Listed(fill_lake(), 3)
    listed.articles[:] = [GOOD[key] for key in sorted(GOOD)]
    pairs = [(2, 4), (4, 7), (2**31 - 1, 2), (-1, 2), (0, 3), (1, 3), (5, 9), (3, 2)]
    found = listed.among([_purchases(pairs)])
    assert np.argwhere(found).tolist() == [[0, 2], [2, 0]]


def test_every_purchase_of_what_is_listed_is_found_whatever_the_keys(fill_lake):
    listed = Listed(fill_lake(), 3)
    generator = np.random.default_rng(1)
    for _ in range(300):
        # Few keys, so that many are bought, but from far apart, so that their bits fall anywhere.
        keys = generator.integers(1, 2**31 - 1, 8).astype(np.int32)
        listed.articles[:] = generator.choice(keys, listed.articles.shape)
        pairs = [(row + 2, generator.choice(keys)) for row in range(len(listed.articles))]
        expected = [
            article == pairs[row][1]
            for row in range(len(pairs))
            for article in listed.articles[row]
        ]
        assert listed.among([_purchases(pairs)]).ravel().tolist() == expected


def _purchases(pairs):
    customers, articles = (pa.array(keys, pa.int32()) for keys in zip(*pairs, strict=True))
    return pa.record_batch([customers, articles], names=["customer_key", "article_key"])
