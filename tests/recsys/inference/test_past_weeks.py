"""What trees learn from: candidates of past weeks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.recsys.models.conftest import fill_lake

from recsys.columns import UNKNOWN_KEY
from recsys.config import CandidatesConfig, ModelConfig, TreesConfig
from recsys.inference.past_weeks import bought_by, label_pairs, label_week, learn_trees, split_weeks
from recsys.inference.ragged import Ragged
from recsys.inference.signals import Signals
from recsys.inference.sources import Sources
from recsys.models.batches import Positives
from recsys.models.inputs import Snapshot
from recsys.models.prepare import Source, prepare
from recsys.models.registry import TrainedModel
from recsys.storage import Lake

RUN_DATE = date(2020, 9, 23)
CONFIG = CandidatesConfig(towers=9, popular=9)
#: In the week customer 2 buys 2 again and 3 for the first time, customer 3 only 4 again.
TRUTH = Ragged.of([[], [], [2, 3], [4], [], []])


@pytest.fixture
def sources(toy_sources: Callable[..., Sources]) -> Sources:
    return toy_sources(CONFIG)


def test_each_mode_has_its_own_candidates_and_labels(
    fixed_model: Any, toy_snapshot: Snapshot, sources: Sources
) -> None:
    customers = np.array([2, 3, 5], np.int32)
    signals = Signals.of(toy_snapshot, sources.purchases)
    names, rows = label_week(fixed_model, signals, sources, customers, TRUTH, config=CONFIG)
    # On sale are 2..7. With past purchases both customers bought something ...
    assert rows["all"].groups.tolist() == [6, 6]
    assert rows["all"].labels.tolist() == [1, 1, 0, 0, 0, 0, *[0, 0, 1, 0, 0, 0]]
    # ... without them customer 3 bought nothing, and teaches nothing; nor does 5 ever.
    assert rows["novel"].groups.tolist() == [5]
    assert rows["novel"].labels.tolist() == [1, 0, 0, 0, 0]  # 3, but not 2
    assert rows["novel"].features.shape == (5, len(names))


def test_only_some_of_what_was_not_bought_teaches_as_seen_in_the_whole_list(
    fixed_model: Any, toy_snapshot: Snapshot, sources: Sources
) -> None:
    signals = Signals.of(toy_snapshot, sources.purchases)
    asked = (fixed_model, signals, sources, np.array([2, 3], np.int32), TRUTH)
    _, whole = label_week(*asked, config=CONFIG)
    drawn = [
        label_week(*asked, config=CONFIG, negative_share=0.5, seed=seed)[1]["all"]
        for seed in range(20)
    ]
    seen = {row.tobytes() for row in whole["all"].features}
    assert all(row.tobytes() in seen for rows in drawn for row in rows.features)
    assert all(rows.labels.sum() == 3 for rows in drawn)
    assert sum(len(rows.labels) - 3 for rows in drawn) == pytest.approx(0.5 * 9 * 20, rel=0.3)
    again = label_week(*asked, config=CONFIG, negative_share=0.5, seed=3)[1]["all"]
    np.testing.assert_array_equal(again.features, drawn[3].features)


def test_the_latest_weeks_are_for_the_trees_and_at_most_two_thirds() -> None:
    weeks = [Positives(date(2020, 9, d), np.zeros(0), np.zeros((0, 1))) for d in (1, 8, 15)]
    assert split_weeks(weeks, 1) == (weeks[:2], weeks[2:])
    assert split_weeks(weeks, 4) == (weeks[:1], weeks[1:])
    assert split_weeks(weeks[:1], 4) == (weeks[:1], [])


def test_positives_are_distinct_articles_by_customer() -> None:
    articles = np.array([[7, 3], [7, 4], [5, 3]], np.int32)
    week = Positives(RUN_DATE, np.array([3, 3, 2], np.int32), articles)
    assert bought_by(week, customers=4).padded().tolist() == [[0], [0], [5], [7]]


def test_pairs_are_purchases_and_sampled_negatives_each_once(
    fixed_model: Any, toy_snapshot: Snapshot, sources: Sources
) -> None:
    # Customer 2 bought 3, and 7 and 5 were drawn; 3 again, and 7; customer 3 bought 4.
    articles = np.array([[3, 7, 5], [3, 7, 0], [4, 6, 0]], np.int32)
    week = Positives(RUN_DATE, np.array([2, 2, 3], np.int32), articles)
    signals = Signals.of(toy_snapshot, sources.purchases)
    names, rows = label_pairs(fixed_model, signals, sources, week, TRUTH)
    assert rows.labels.tolist() == [1, 0, 0, 1, 0]  # 3, 5, 7 and 4, 6
    assert rows.groups.tolist() == []
    assert rows.features.shape == (5, len(names))
    assert not [name for name in names if name.startswith("by_") or name.endswith("_rank")]


@pytest.fixture
def learn(lake: Lake) -> Callable[..., Any]:
    """Return what learns trees from weeks, with other settings: their text by mode, or None."""
    from recsys.models.network import Recommender
    from recsys.models.train import network_shape

    fill_lake(lake, RUN_DATE, images=False)
    source = Source(lake, RUN_DATE, 8, None)
    examples, encoder = prepare(source, split_weeks(source.positives(["train"]), 4)[0])
    network = Recommender(network_shape(examples, encoder, ModelConfig(dim=8)))
    model = TrainedModel(network, encoder)
    settings = TreesConfig(trees=5, min_rows=5, min_pairs=5, customers=30, boosters=1)

    def learn(weeks: list[Positives], **others: Any) -> Any:
        config = settings.model_copy(update=others)
        trees = learn_trees(model, source, weeks, candidates=CONFIG, config=config, seed=3)
        return trees and {mode: b.model_to_string() for mode, (b,) in trees.boosters.items()}

    return learn


@pytest.fixture
def week(learn: Any, lake: Lake) -> Positives:
    """Return the week that trees learn from."""
    return split_weeks(Source(lake, RUN_DATE, 8, None).positives(["train"]), 4)[1][0]


@pytest.mark.tensorflow
def test_trees_see_nothing_of_the_week_they_predict(learn: Any, week: Positives) -> None:
    learned = learn([week])
    assert sorted(learned) == ["all", "novel", "pairs"]
    assert learn([week]) == learned
    # Other purchases in the week are other labels, and so other trees.
    other = replace(week, articles=np.roll(week.articles, 7, axis=0))
    assert learn([other]) != learned
    # Of what was not bought more may teach, of single pairs all do anyway.
    more = learn([week], negative_share=1.0)
    assert more["all"] != learned["all"]
    assert more["pairs"] == learned["pairs"]


@pytest.mark.tensorflow
def test_no_week_or_no_purchase_among_candidates_gives_no_trees(
    learn: Any, week: Positives
) -> None:
    assert learn([]) is None
    elsewhere = week.articles.copy()
    elsewhere[:, 0] = UNKNOWN_KEY
    assert learn([replace(week, articles=elsewhere)]) is None
