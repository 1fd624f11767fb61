"""Candidate pairs."""

import numpy as np

from recsys.inference.candidates import Candidates
from recsys.inference.ragged import Ragged
from recsys.schemas import CANDIDATES

CUSTOMERS = np.array([7, 9], np.int32)


def candidates() -> Candidates:
    offers = {"popular": Ragged.of([[5, 3], [4]]), "towers": Ragged.of([[3], []])}
    return Candidates.union(CUSTOMERS, offers)


def test_sources_that_offer_the_same_article_share_one_pair() -> None:
    table = candidates().to_table()

    assert table.schema.equals(CANDIDATES)
    assert table.select(["customer_key", "article_key", "sources"]).to_pylist() == [
        {"customer_key": 7, "article_key": 3, "sources": 3},
        {"customer_key": 7, "article_key": 5, "sources": 2},
        {"customer_key": 9, "article_key": 4, "sources": 2},
    ]
    assert candidates().counts() == {
        "towers": 1, "popular": 3, "copurchased": 0, "same_product": 0, "past_purchase": 0,
        "taste": 0,
    }  # fmt: skip


def test_a_table_gives_back_the_pairs() -> None:
    again = Candidates.from_table(candidates().to_table())

    assert again.customer_keys.tolist() == [7, 9]
    assert again.offsets.tolist() == [0, 2, 3]
    assert again.article_keys.tolist() == [3, 5, 4]


def test_blocks_join_to_the_whole() -> None:
    blocks = list(candidates().blocks(1))

    assert [block.article_keys.tolist() for block in blocks] == [[3, 5], [4]]
    joined = Candidates.concat(blocks)
    assert joined.offsets.tolist() == [0, 2, 3]
    assert joined.customer_keys.tolist() == [7, 9]


def test_a_customer_whose_pairs_are_all_dropped_stays() -> None:
    kept = candidates().where(np.array([False, False, True]))

    assert kept.customer_keys.tolist() == [7, 9]
    assert kept.offsets.tolist() == [0, 0, 1]


def test_customers_without_any_offer() -> None:
    nothing = Candidates.union(CUSTOMERS, {"towers": Ragged.of([[], []])})

    assert len(nothing) == 2
    assert nothing.to_table().num_rows == 0
