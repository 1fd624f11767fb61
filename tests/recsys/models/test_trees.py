"""Gradient-boosted trees that order candidates."""

import json
from pathlib import Path

import numpy as np
import pytest

from recsys.config import TreesConfig
from recsys.models.trees import PAIRS, Rows, Trees, fit_trees

CONFIG = TreesConfig(trees=30, min_rows=5, min_pairs=20, boosters=2)


def rows(seed: int, lists: int = 200) -> Rows:
    """Return lists of 10 in which the candidate of the largest first column was bought."""
    random = np.random.default_rng(seed)
    features = random.random((lists * 10, 4), dtype=np.float32)
    best = features[:, 0].reshape(lists, 10).argmax(axis=1)
    labels = np.zeros((lists, 10), np.int8)
    labels[np.arange(lists), best] = 1
    return Rows(features, labels.ravel(), np.full(lists, 10))


def hits(scores: np.ndarray, truth: Rows) -> float:
    """Return the share of lists whose highest score was bought."""
    first = scores.reshape(-1, 10).argmax(axis=1)
    return float((truth.labels.reshape(-1, 10).argmax(axis=1) == first).mean())


@pytest.fixture(scope="module")
def trees() -> Trees:
    boosters = {"novel": fit_trees([rows(1)], CONFIG, seed=7)}
    return Trees({"novel": ("price", "sales", "age", "rank")}, boosters)


def test_what_was_bought_moves_up_unseen_lists(trees: Trees) -> None:
    unseen = rows(2)
    assert hits(trees.score("novel", unseen.features), unseen) > 0.8


def test_trees_that_order_lists_go_on_from_those_that_say_what_is_likely(trees: Trees) -> None:
    learned = rows(1)
    flat = Rows(learned.features, learned.labels, np.empty(0, np.int64))
    config = CONFIG.model_copy(update={"min_pairs": CONFIG.min_rows})
    likely = fit_trees([flat], config, seed=7)[0]
    both, features = trees.boosters["novel"][0], rows(2).features
    assert (likely.num_trees(), both.num_trees()) == (CONFIG.trees, 2 * CONFIG.trees)
    first = both.predict(features, num_iteration=CONFIG.trees, raw_score=True)
    np.testing.assert_allclose(first, likely.predict(features, raw_score=True), rtol=1e-12)
    assert not np.array_equal(both.predict(features, raw_score=True), first)


def test_shuffled_labels_teach_nothing() -> None:
    learned = rows(1)
    random = np.random.default_rng(5)
    shuffled = random.permuted(learned.labels.reshape(-1, 10), axis=1).ravel()
    boosters = fit_trees([Rows(learned.features, shuffled, learned.groups)], CONFIG, seed=7)
    unseen = rows(2)
    assert (
        hits(Trees(("a", "b", "c", "d"), {"x": boosters}).score("x", unseen.features), unseen) < 0.3
    )


def test_thinned_out_rows_keep_what_was_bought_and_their_lists() -> None:
    whole = rows(1)
    some = whole.thin_out(0.3, np.random.default_rng(2))
    assert (some.labels.sum(), some.groups.sum()) == (200, len(some.labels))
    assert len(some.features) == pytest.approx(200 + 0.3 * 1800, abs=60)
    # Rows stay in order, each in its list.
    places = {row.tobytes(): place for place, row in enumerate(whole.features)}
    kept = np.array([places[row.tobytes()] for row in some.features])
    assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(np.repeat(np.arange(200), some.groups), kept // 10)
    np.testing.assert_array_equal(some.labels, whole.labels[kept])
    assert len(whole.thin_out(1, np.random.default_rng(2)).labels) == 2000


def test_rows_too_few_to_part_tell_nothing_apart() -> None:
    trees = Trees({}, {"x": fit_trees([rows(1, lists=0), rows(1, lists=1)], CONFIG, seed=7)})
    assert len(set(trees.score("x", rows(2, lists=5).features).tolist())) == 1


def test_the_column_that_decides_is_the_important_one(trees: Trees) -> None:
    shares = trees.importance("novel")
    assert next(iter(shares)) == "price"
    assert sum(shares.values()) == pytest.approx(1)


def test_the_same_rows_and_seed_give_the_same_trees(trees: Trees) -> None:
    again = fit_trees([rows(1)], CONFIG, seed=7)
    texts = [booster.model_to_string() for booster in again]
    assert texts == [booster.model_to_string() for booster in trees.boosters["novel"]]
    assert len(set(texts)) == CONFIG.boosters


def test_rows_in_parts_teach_what_they_teach_together(trees: Trees) -> None:
    r = rows(1)
    parts = [
        Rows(r.features[part], r.labels[part], np.full(lists, 10))
        for part, lists in ((slice(700), 70), (slice(700, None), 130))
    ]
    texts = [booster.model_to_string() for booster in fit_trees(parts, CONFIG, seed=7)]
    assert texts == [booster.model_to_string() for booster in trees.boosters["novel"]]


def test_a_score_is_the_mean_of_those_of_boosters(trees: Trees) -> None:
    features = rows(2).features
    each = [booster.predict(features, raw_score=True) for booster in trees.boosters["novel"]]
    np.testing.assert_allclose(trees.score("novel", features), np.mean(each, axis=0), rtol=1e-5)


def test_saved_trees_score_the_same(trees: Trees, tmp_path: Path) -> None:
    trees.save(tmp_path)
    loaded = Trees.load(tmp_path)
    assert loaded.names == trees.names
    features = rows(2).features
    np.testing.assert_array_equal(loaded.score("novel", features), trees.score("novel", features))
    files = ["trees-novel-00.txt", "trees-novel-01.txt", "trees.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == files


def test_one_booster_without_a_number_is_loaded_too(trees: Trees, tmp_path: Path) -> None:
    first = trees.boosters["novel"][0]
    first.save_model(tmp_path / "trees-novel.txt")
    (tmp_path / "trees.json").write_text(json.dumps(trees.names))
    features = rows(2).features
    scores = Trees.load(tmp_path).score("novel", features)
    np.testing.assert_allclose(scores, first.predict(features, raw_score=True), rtol=1e-5)


def test_nothing_to_score(trees: Trees) -> None:
    assert trees.score("novel", np.empty((0, 4), np.float32)).shape == (0,)


def test_single_pairs_get_probabilities() -> None:
    random = np.random.default_rng(6)
    features = random.random((4000, 4), dtype=np.float32)
    bought = random.random(4000) < features[:, 0]
    pairs = Rows(features, bought.astype(np.int8), np.empty(0, np.int64))
    config = CONFIG.model_copy(update={"trees": 60})
    trees = Trees({}, {PAIRS: fit_trees([pairs], config, seed=7)})
    asked = np.array([[0.1, 0.5, 0.5, 0.5], [0.9, 0.5, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(trees.score(PAIRS, asked), [0.1, 0.9], atol=0.15)
