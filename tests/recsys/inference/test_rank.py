"""Lists of exactly k, best first, each article with its reason."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recsys.errors import DataError
from recsys.inference import rank as module
from recsys.inference.candidates import Candidates
from recsys.inference.ragged import Ragged
from recsys.inference.rank import rank
from recsys.inference.rankers import NetworkRanker
from recsys.models.inputs import Snapshot
from recsys.schemas import RECOMMENDATIONS

POPULAR = np.tile(np.array([5, 4, 6, 3, 2, 7], np.int32), (9, 1))
NOTHING = Ragged.of([[]] * 6)


def candidates() -> Candidates:
    offers = {
        "towers": Ragged.of([[6, 7], [6]]),
        "popular": Ragged.of([[5, 7], []]),
        "same_product": Ragged.of([[3], []]),
        "past_purchase": Ragged.of([[2], []]),
    }
    return Candidates.union(np.array([2, 4], np.int32), offers)


def lists(
    model: Any, snapshot: Snapshot, found: Candidates, *, excluded: Ragged = NOTHING, k: int
) -> pa.Table:
    ranker = NetworkRanker(model, snapshot)
    bands = snapshot.age_bands
    return rank(ranker, found, bands=bands, popular=POPULAR, excluded=excluded, k=k)


def test_lists_are_sorted_by_score_and_say_why(fixed_model: Any, toy_snapshot: Snapshot) -> None:
    table = lists(fixed_model, toy_snapshot, candidates(), k=3)

    assert table.schema.equals(RECOMMENDATIONS)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (2, 1, 3, pytest.approx(0.95), "another variant of something bought", 0),
        (2, 2, 7, pytest.approx(0.7), "popular now", 0),
        (2, 3, 6, pytest.approx(0.6), "picked for you", 0),
        (4, 1, 6, pytest.approx(0.6), "picked for you", 0),
        # Filled from what is popular: 5 and 4, in the model's order.
        (4, 2, 5, pytest.approx(0.5), "popular now", 0),
        (4, 3, 4, pytest.approx(0.4), "popular now", 0),
    ]


def test_what_the_policy_excludes_is_replaced(fixed_model: Any, toy_snapshot: Snapshot) -> None:
    excluded = Ragged.of([[], [], [3, 7], [], [6, 5, 4], []])

    table = lists(fixed_model, toy_snapshot, candidates(), excluded=excluded, k=3)

    assert table["article_key"].to_pylist() == [6, 5, 2, 7, 3, 2]
    assert table["rank"].to_pylist() == [1, 2, 3, 1, 2, 3]


def test_equal_scores_come_by_article_key(fixed_model: Any, toy_snapshot: Snapshot) -> None:
    fixed_model.score_pairs = lambda snapshot, customers, articles: np.where(
        articles == 0, -np.inf, 0.5
    ).astype(np.float32)

    table = lists(fixed_model, toy_snapshot, candidates(), k=2)

    assert table["article_key"].to_pylist() == [2, 3, 5, 6]


def test_blocks_bound_what_is_scored_at_once_and_change_nothing(
    fixed_model: Any, toy_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lists(fixed_model, toy_snapshot, candidates(), k=3)
    monkeypatch.setattr(module, "BLOCK_CUSTOMERS", 1)
    fixed_model.asked.clear()

    parts = lists(fixed_model, toy_snapshot, candidates(), k=3)

    assert parts.equals(whole)
    assert sorted(fixed_model.asked) == [(1, 3), (1, 5)]  # threads take them in any order


def test_scores_that_are_not_numbers_are_refused(fixed_model: Any, toy_snapshot: Snapshot) -> None:
    fixed_model.score_pairs = lambda snapshot, customers, articles: np.full(
        articles.shape, np.nan, np.float32
    )

    with pytest.raises(DataError, match="gives scores that are not numbers"):
        lists(fixed_model, toy_snapshot, candidates(), k=2)


def test_nobody_to_rank_for(fixed_model: Any, toy_snapshot: Snapshot) -> None:
    nobody = Candidates.union(np.empty(0, np.int32), {"towers": Ragged.of([])})

    table = lists(fixed_model, toy_snapshot, nobody, k=3)

    assert table.num_rows == 0
    assert table.schema.equals(RECOMMENDATIONS)
