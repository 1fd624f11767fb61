"""Lists by factors, on the toy world of tests/recsys/conftest.py."""

from collections.abc import Callable

import numpy as np
import pytest

from recsys.config import CandidatesConfig
from recsys.evaluation.als import Factors, judge_factors, rank_by_factors
from recsys.inference.ragged import Ragged
from recsys.inference.sources import Sources

CUSTOMERS = np.array([2, 3, 4], np.int32)
NOTHING = Ragged.of([[], [], []])


@pytest.fixture
def sources(toy_sources: Callable[..., Sources]) -> Sources:
    return toy_sources(CandidatesConfig())


@pytest.fixture
def factors() -> Factors:
    """Customer 2 likes what has much of the first factor, 3 of the second; 4 is not known, and
    neither is article 5. Article 8, which 2 likes best of all, is not on sale."""
    articles = np.zeros((9, 2), np.float32)
    articles[2:5] = [[0.9, 0.0], [0.5, 0.1], [-0.3, 0.8]]
    articles[6:] = [[0.1, 0.2], [0.2, 0.3], [2.0, 0.0]]
    return Factors(np.array([[1, 0], [0, 1], [0, 0]], np.float32), articles)


def test_lists_follow_the_products(factors: Factors, sources: Sources) -> None:
    lists = rank_by_factors(factors, sources, NOTHING, k=3)

    # 2: 0.9, 0.5, 0.2. 3: 0.8, 0.3, 0.2. 4: what is popular.
    assert lists.tolist() == [[2, 3, 7], [4, 7, 6], [5, 4, 6]]


def test_what_is_excluded_is_in_no_list_and_short_ones_go_on_with_popular(
    factors: Factors, sources: Sources
) -> None:
    excluded = Ragged.of([[2], [4, 7], [4]])
    lists = rank_by_factors(factors, sources, excluded, k=5)

    # The factors know five articles on sale; the sixth, 5, is the most popular.
    assert lists.tolist()[0] == [3, 7, 6, 4, 5]
    assert lists.tolist()[1][:3] == [6, 3, 2]
    assert set(lists.tolist()[1]) == {6, 3, 2, 5, 8}
    assert lists.tolist()[2][:2] == [5, 6]
    assert 4 not in lists.tolist()[2]


def test_each_mode_counts_and_excludes_as_for_the_model(factors: Factors, sources: Sources) -> None:
    """In the window customer 2 buys 2 again and 3 for the first time, customer 3 only 4 again."""
    truth = Ragged.of([[], [], [2, 3], [4], [5], []])
    outcomes = judge_factors(factors, sources, CUSTOMERS, truth, k=2)

    assert outcomes["all"].lists["model"].tolist() == [[2, 3], [4, 7], [5, 4]]
    assert outcomes["all"].hits["model"].tolist() == [[True, True], [True, False], [True, False]]
    assert outcomes["all"].relevant.tolist() == [2, 1, 1]
    assert outcomes["novel"].lists["model"].tolist() == [[3, 7], [7, 6], [5, 4]]
    assert outcomes["novel"].hits["model"].tolist() == [[True, False], [False] * 2, [True, False]]
    assert outcomes["novel"].relevant.tolist() == [1, 0, 1]
