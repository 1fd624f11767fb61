"""Lists of CSV files against a truth: each mode, and customers that have no list."""

from pathlib import Path

import pytest
from benchmarks.quality.score import Cut, score

TRUTH = """customer_id,article_id,t_dat
ann,01,2020-09-23
ann,01,2020-09-24
ann,02,2020-09-23
bob,03,2020-09-23
"""
HISTORY = """t_dat,customer_id,article_id,price,sales_channel_id
2020-09-01,ann,01,0.1,1
2020-09-01,cid,02,0.1,1
"""


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "transactions_train.csv").write_text(HISTORY)
    lists = {
        "all": "ann,1,01,.9\nann,2,09,.8\ncid,1,02,.7\ncid,2,01,.6\n",
        "novel": "ann,1,09,.9\nann,2,02,.8\nbob,1,03,.9\nbob,2,02,.8\n",
    }
    for mode, rows in lists.items():
        (tmp_path / f"{mode}.csv").write_text("customer_id,rank,article_id,score\n" + rows)
    return Cut(tmp_path, {mode: tmp_path / f"{mode}.csv" for mode in lists})


def test_a_customer_without_a_list_scores_zero(cut: Cut) -> None:
    # ann bought 01 and 02 and is offered 01 first; bob bought 03 and is offered nothing.
    found = score([cut], k=2)["all"]
    assert found["customers"] == 2
    assert found["map_at_k"] == pytest.approx((1 / 2 + 0) / 2)
    assert found["recall_at_k"] == pytest.approx((1 / 2 + 0) / 2)
    assert found["precision_at_k"] == pytest.approx((1 / 2 + 0) / 2)


def test_in_mode_novel_only_first_purchases_count(cut: Cut) -> None:
    # ann bought 01 before, so that 02 at rank 2 is all of her truth; bob's 03 is at rank 1.
    found = score([cut], k=2)["novel"]
    assert found["map_at_k"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["recall_at_k"] == 1


def test_a_customer_counts_once_a_cut(cut: Cut) -> None:
    twice = score([cut, cut], k=2)
    assert twice["novel"]["customers"] == 4
    assert twice["novel"]["map_at_k"] == score([cut], k=2)["novel"]["map_at_k"]
