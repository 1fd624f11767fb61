"""Synthetic examples have the size and skew that they claim; ratios are the right way round."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.bench_train import summarise, summarise_learning
from benchmarks.train.learning import Judge, seconds_to
from benchmarks.train.synthetic import Size, draw_examples

from recsys.inference.ragged import Ragged

SIZE = Size(customers=500, articles=3000, positives=30_000, snapshots=3)


def test_examples_have_the_size_and_skew_asked_for() -> None:
    examples, encoder, customers = draw_examples(SIZE)
    assert examples.articles.shape == (30_000, 5)
    assert np.bincount(examples.snapshots).tolist() == [10_000, 10_000, 10_000]
    assert examples.articles.min() >= 2
    assert examples.articles.max() <= 3001
    assert examples.recent_articles.shape[1] == encoder.history_length == 64
    # The busiest tenth buys about half; customers have numbers without gaps.
    counts = np.sort(np.bincount(customers))[::-1]
    assert 0.4 < counts[:50].sum() / 30_000 < 0.65
    assert counts[-1] > 0
    # A customer's rows in the snapshots have one history.
    first = np.flatnonzero(customers == np.bincount(customers).argmax())
    histories = examples.recent_articles[examples.customer_rows[first]]
    assert (histories == histories[0]).all()


def test_equal_seeds_draw_equal_examples() -> None:
    one, two = (draw_examples(SIZE)[0] for _ in range(2))
    assert all(np.array_equal(value, vars(two)[name]) for name, value in vars(one).items())


def test_ratios_are_of_median_speeds_ours_by_theirs() -> None:
    seconds = {
        "towers_and_ranker": [4.0, 5.0, 99.0],
        "towers_only": [2.0, 2.0, 2.0],
        "tfrs_adam": [10.0, 1.0, 20.0],
        "tfrs_adagrad": [1.0, 1.0, 1.0],
    }
    found = summarise({"epoch_s": 300.0, "peak_bytes": 3 << 30}, seconds)
    assert found == {
        "ratio_to_tfrs": pytest.approx(5.0),
        "ratio_to_tfrs_with_ranker": pytest.approx(2.0),
        "ratio_to_tfrs_adagrad": pytest.approx(0.5),
        "ratio_to_tfrs_adagrad_with_ranker": pytest.approx(0.2),
        "peak_gib": 3.0,
        "full_size_epoch_s": 300.0,
    }


def test_a_side_is_timed_until_its_lists_are_nearly_as_good_as_the_least_best() -> None:
    curves = {
        "this": {"seconds": [3.0, 3.0, 3.0], "ndcg": [0.1, 0.19, 0.3]},
        "tfrs_adam": {"seconds": [1.0, 2.0, 3.0], "ndcg": [0.1, 0.15, 0.2]},
    }
    found = summarise_learning(curves)
    assert found == {"ndcg": 0.19, "seconds_to_ndcg": {"this": 6.0, "tfrs_adam": 6.0}}
    assert seconds_to(0.21, curves["tfrs_adam"]) is None


def test_lists_are_judged_without_what_was_bought_before_or_is_off_sale(tmp_path: Path) -> None:
    # The nearest articles are 3 (off sale), 2 (bought before), then 4, which was bought.
    articles = np.array([[0.0], [0.0], [0.9], [1.0], [0.8], [0.1]], np.float32)
    judge = Judge(
        np.array([7], np.int32),
        np.array([False, False, True, False, True, True]),
        Ragged.of([[4]]),
        Ragged.of([[2]]),
    )
    judge.save(tmp_path)
    for one in (judge, Judge.load(tmp_path)):
        assert one.ndcg(np.ones((1, 1), np.float32), articles) == pytest.approx(1.0)
        assert one.ndcg(-np.ones((1, 1), np.float32), articles) == pytest.approx(1 / np.log2(3))
    assert np.load(tmp_path / "judged_customers.npy").tolist() == [7]
