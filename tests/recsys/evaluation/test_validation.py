from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.recsys.models.conftest import fill_lake

from recsys.config import CandidatesConfig
from recsys.evaluation.validation import best_threshold, load_validation
from recsys.models.prepare import Source, prepare
from recsys.storage import Lake

RUN_DATE = date(2020, 9, 23)


def test_the_threshold_has_the_best_f1() -> None:
    labels = np.array([True, False, True, False, False])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1], np.float32)
    # At 0.9: F1 = 2/3. At 0.7: precision 2/3, recall 1, F1 = 4/5.
    assert best_threshold(labels, scores) == pytest.approx(0.7)


def test_the_threshold_is_as_precise_as_wanted_or_as_can_be() -> None:
    labels = np.array([False, True, True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], np.float32)
    # Down from 0.9 precisions are 0, 1/2, 2/3, 1/2, 3/5 and 1/2; F1 is best at 0.5.
    assert best_threshold(labels, scores) == pytest.approx(0.5)
    assert best_threshold(labels, scores, precision=0.65) == pytest.approx(0.7)
    assert best_threshold(labels, scores, precision=0.9) == pytest.approx(0.7)


def test_equal_scores_stand_on_the_same_side_of_the_threshold() -> None:
    labels = np.array([True, False, False, False])
    scores = np.array([0.5, 0.5, 0.5, 0.1], np.float32)
    assert best_threshold(labels, scores) == 0.5


def test_nothing_bought_leaves_the_threshold_in_the_middle() -> None:
    assert best_threshold(np.array([False]), np.array([0.9], np.float32)) == 0.5


@pytest.mark.tensorflow
def test_a_network_is_judged_on_pairs_and_on_lists_of_new_articles(lake: Lake) -> None:
    from recsys.config import ModelConfig
    from recsys.models.network import Recommender
    from recsys.models.train import network_shape

    fill_lake(lake, RUN_DATE, images=False)
    source = Source(lake, RUN_DATE, 8, None)
    examples, encoder = prepare(source, source.positives(["train"]))
    validation = load_validation(
        source, encoder, customers=20, precision=0.9, candidates=CandidatesConfig(towers=5), seed=1
    )
    assert validation.snapshot.cutoff == date(2020, 9, 9)
    assert len(validation.customers) == 20
    assert len(validation.positives.customers) == 59 * 6
    assert (validation.bought.lengths[validation.customers] > 0).all()
    network = Recommender(network_shape(examples, encoder, ModelConfig(dim=8)))
    found = validation(network)
    assert sorted(found) == [
        "auc",
        "ndcg_at_12",
        "precision",
        "recall",
        "threshold",
        "towers_recall",
    ]
    assert all(0 <= value <= 1 for value in found.values())
    assert found == validation(network)
    # Towers that may offer everything on sale find all that is bought for the first time.
    all_of_it = replace(validation, candidates=CandidatesConfig(towers=40))
    assert all_of_it(network)["towers_recall"] == 1.0 > found["towers_recall"]
