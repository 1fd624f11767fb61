"""Purchase policies, and short lists filled up."""

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import Policy
from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.policy import apply_policy, complete, exclusions, fill, mode_of
from recsys.inference.ragged import Ragged

#: Two segments' articles on sale, in the order to fill with.
POPULAR = np.array([[5, 4, 6, 3, 2, 7], [7, 5, 4, 6, 3, 2]], np.int32)


def excluded_by(purchases: pa.Table, policy: Policy, *, days: int) -> Ragged:
    return exclusions(purchases, policy=policy, days=days, customers=6)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("all", [[2, 8], [4]]), ("last_n_days", [[2], []]), ("none", [[], []])],
)
def test_what_each_policy_leaves_out(
    policy: Policy, expected: list[list[int]], toy_purchases: pa.Table
) -> None:
    excluded = excluded_by(toy_purchases, policy, days=39)

    assert len(excluded) == 6
    assert [excluded.take([customer]).keys.tolist() for customer in (2, 3)] == expected


def test_the_last_day_of_the_policy_is_left_out_too(toy_purchases: pa.Table) -> None:
    excluded = excluded_by(toy_purchases, "last_n_days", days=40)

    assert excluded.take([2]).keys.tolist() == [2, 8]


def test_only_all_leaves_every_past_purchase_out() -> None:
    policies: tuple[Policy, ...] = ("all", "last_n_days", "none")
    assert [mode_of(policy) for policy in policies] == ["novel", "all", "all"]


def test_the_policy_takes_each_customers_own_purchases(toy_purchases: pa.Table) -> None:
    offers = {"popular": Ragged.of([[2, 4, 5], [2, 4, 5]])}
    candidates = Candidates.union(np.array([3, 2], np.int32), offers)
    excluded = excluded_by(toy_purchases, "all", days=1)

    kept = apply_policy(candidates, excluded)

    assert kept.articles.padded().tolist() == [[2, 5], [4, 5]]


def test_only_short_rows_are_filled_and_what_is_excluded_stays_out() -> None:
    customers = np.array([2, 3, 4], np.int32)
    candidates = Candidates.union(customers, {"towers": Ragged.of([[4], [2, 3, 7], []])})
    excluded = Ragged.of([[], [], [5, 6], [], [7]])
    segments = np.array([0, 0, 1], np.int8)

    filled = fill(candidates, POPULAR, segments, excluded, k=3)

    assert filled.articles.padded().tolist() == [[2, 3, 4], [2, 3, 7], [4, 5, 6]]
    # 1 the towers, 2 popular; the towers were not asked about what was added.
    assert filled.sources.tolist() == [2, 2, 1, 1, 1, 1, 2, 2, 2]
    assert np.isnan(filled.scores).all()
    assert np.isnan(filled.copurchase_scores).all()


def test_lists_go_on_with_what_is_popular() -> None:
    lists = Ragged.of([[2, 7, 3, 4], [6], []])
    excluded = Ragged.of([[7], [], [5, 4]])

    completed = complete(lists, POPULAR, np.array([0, 1, 0]), excluded, k=3)

    assert completed.tolist() == [[2, 3, 4], [6, 7, 5], [6, 3, 2]]


def test_the_search_goes_as_far_as_it_must() -> None:
    # The first 2 k popular articles are all excluded; the k after them are not.
    popular = np.arange(2, 102, dtype=np.int32)[None, :]
    excluded = Ragged.of([list(range(2, 92))])

    completed = complete(Ragged.of([[]]), popular, np.zeros(1, int), excluded, k=10)

    assert completed.tolist() == [list(range(92, 102))]


def test_a_catalogue_with_too_few_articles_is_an_error_that_says_so() -> None:
    excluded = Ragged.of([[5, 4, 6], []])

    with pytest.raises(DataError, match="1 customers cannot get 4 articles: only 3 articles are"):
        complete(Ragged.of([[], []]), POPULAR, np.zeros(2, int), excluded, k=4)
