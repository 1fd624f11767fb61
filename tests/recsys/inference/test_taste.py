"""The best sellers of what customers like."""

import numpy as np
import pytest

from recsys.inference import taste
from recsys.inference.ragged import Ragged
from recsys.inference.taste import Taste, find_favourites

#: Articles 2-4 are of kind 0, 5-7 of kind 1, 8 of none.
CODES = np.array([-1, -1, 0, 0, 0, 1, 1, 1, -1], np.int32)
BUYERS = np.array([0, 0, 5, 9, 0, 7, 7, 2, 99])  # 4 is not on sale


def test_best_sellers_of_the_kinds_that_were_bought() -> None:
    bought = Ragged.of([[3], [4, 5], [8], []])
    found = find_favourites((Taste.of(CODES, BUYERS),), bought, limit=3)
    # By customers, ties by key; never what was bought; an article without a kind speaks for none.
    assert found.padded().tolist() == [[2, 0, 0], [3, 6, 2], [0, 0, 0], [0, 0, 0]]


def test_a_favourite_in_two_ways_comes_first() -> None:
    other = np.array([-1, -1, 0, 1, 1, 0, 0, 0, 1], np.int32)
    bought = Ragged.of([[7]])
    tastes = (Taste.of(CODES, BUYERS), Taste.of(other, BUYERS))
    # 5 and 6 are of both kinds of 7 (14 customers each), 2 of one (5).
    assert find_favourites(tastes, bought, limit=9).keys.tolist() == [5, 6, 2]


def test_only_the_first_favourites_and_their_best_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taste, "FAVOURITES", 1)
    monkeypatch.setattr(taste, "BEST_OF_KIND", 2)
    liked = Ragged.group([0, 0], [2, 7], [1.0, 2.0], count=1)
    # Kind 1 is liked more; its best two are 5 and 6.
    assert find_favourites((Taste.of(CODES, BUYERS),), liked, limit=9).keys.tolist() == [5, 6]


def test_no_kinds_no_favourites() -> None:
    assert find_favourites((), Ragged.of([[2]]), limit=3).lengths.tolist() == [0]
