"""Lists without a source, on the toy world of tests/recsys/conftest.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from recsys.config import CandidatesConfig
from recsys.evaluation.ablation import ablate_sources, without_source
from recsys.evaluation.judge import judge
from recsys.inference.candidates import Candidates
from recsys.inference.ragged import Ragged
from recsys.inference.run import Scorer
from recsys.inference.sources import Sources
from recsys.models.inputs import Snapshot
from recsys.schemas import SOURCES

CONFIG = CandidatesConfig(towers=2, popular=2, copurchased=2, same_product=2, past_purchases=5)
#: In the window customer 2 buys 2 again and 3 for the first time, customer 3 only 4 again.
TRUTH = Ragged.of([[], [], [2, 3], [4], [], []])
CUSTOMERS = np.array([2, 3], np.int32)


@pytest.fixture
def sources(toy_sources: Callable[..., Sources]) -> Sources:
    return toy_sources(CONFIG)


def test_only_what_a_source_alone_offered_is_gone() -> None:
    offers = {"popular": Ragged.of([[5, 3], [4]]), "towers": Ragged.of([[3], []])}
    found = Candidates.union(CUSTOMERS, offers)

    left = without_source(found, "popular")

    assert left.articles.padded().tolist() == [[3], [0]]
    assert left.sources.tolist() == [SOURCES["towers"]]
    assert without_source(found, "taste").articles.padded().tolist() == [[3, 5], [4, 0]]


def test_each_source_is_left_out_in_turn(
    fixed_model: Any, toy_snapshot: Snapshot, sources: Sources
) -> None:
    scorer = Scorer(fixed_model, toy_snapshot)
    outcomes = ablate_sources(scorer, sources, CUSTOMERS, TRUTH, config=CONFIG, k=2)
    whole = judge(scorer, sources, CUSTOMERS, TRUTH, config=CONFIG, k=2)

    for mode, outcome in outcomes.items():
        assert list(outcome.lists) == ["model", *SOURCES]
        assert outcome.lists["model"].tolist() == whole[mode].lists["model"].tolist()
        assert outcome.relevant.tolist() == whole[mode].relevant.tolist()
    # Only same_product offers 3 to customer 2, who buys it; the model would have put it first.
    assert outcomes["novel"].lists["model"][0].tolist() == [3, 7]
    assert outcomes["novel"].lists["same_product"][0].tolist() == [7, 6]
    assert outcomes["novel"].hits["model"].sum() == 1
    assert outcomes["novel"].hits["same_product"].sum() == 0
