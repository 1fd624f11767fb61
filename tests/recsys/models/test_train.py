from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import ModelConfig
from recsys.examples.encode import Encoder
from recsys.models.batches import Examples, collect_examples, read_positives
from recsys.models.inputs import Snapshot

pytestmark = pytest.mark.tensorflow

CONFIG = ModelConfig(
    epochs=3, patience=2, batch_size=64, dim=8, tower_units=(16,), ranker_units=(16, 8)
)


def test_both_losses_fall_in_twenty_steps(examples: tuple[Examples, Encoder]) -> None:
    from recsys.models.train import train

    # Six batches an epoch.
    history = train(*examples, CONFIG.model_copy(update={"epochs": 4}), seed=1).history
    assert history[-1]["retrieval_loss"] < 0.95 * history[0]["retrieval_loss"]
    assert history[-1]["ranking_loss"] < 0.9 * history[0]["ranking_loss"]


def test_the_same_seed_gives_the_same_weights(examples: tuple[Examples, Encoder]) -> None:
    from recsys.models.train import train

    first, again, other = (
        train(*examples, CONFIG, seed=seed).network.get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_training_stops_after_its_patience_and_keeps_the_best_epoch(
    examples: tuple[Examples, Encoder],
) -> None:
    from recsys.models.train import train

    scores, seen = iter([0.1, 0.3, 0.2, float("nan"), 0.9]), []

    def validate(network: Any) -> dict[str, float]:
        seen.append(network.get_weights())
        return {"ndcg_at_12": next(scores), "auc": 0.5}

    config = CONFIG.model_copy(update={"epochs": 9})
    trained = train(*examples, config, seed=1, validate=validate)
    assert [row["epoch"] for row in trained.history] == [1, 2, 3, 4]
    assert trained.best_epoch == 2
    assert trained.metrics["ndcg_at_12"] == 0.3
    best = trained.network.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(best, seen[1], strict=True))


def test_a_killed_training_goes_on_from_its_last_epoch(
    examples: tuple[Examples, Encoder], tmp_path: Path
) -> None:
    from recsys.models.train import train

    config = CONFIG.model_copy(update={"epochs": 4})
    scores = [0.3, 0.2, 0.5, 0.4]
    seen: list[int] = []

    def validate(network: Any) -> dict[str, float]:
        seen.append(len(seen) + 1)
        return {"ndcg_at_12": scores[seen[-1] - 1]}

    whole = train(*examples, config, seed=1, validate=validate)

    def stop_in_third_epoch(network: Any) -> dict[str, float]:
        if len(seen) == 2:
            raise KeyboardInterrupt
        return validate(network)

    checkpoint, seen = tmp_path / "kept" / "evaluated.npz", []
    with pytest.raises(KeyboardInterrupt):
        train(*examples, config, seed=1, validate=stop_in_third_epoch, checkpoint=checkpoint)
    resumed = train(*examples, config, seed=1, validate=validate, checkpoint=checkpoint)
    assert seen == [1, 2, 3, 4]
    assert [row["ndcg_at_12"] for row in resumed.history] == scores
    assert resumed.best_epoch == whole.best_epoch == 3
    losses = [[row["retrieval_loss"] for row in t.history] for t in (whole, resumed)]
    assert losses[0] == losses[1]
    weights = zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)
    # One that is over is only loaded.
    train(*examples, config, seed=1, validate=validate, checkpoint=checkpoint)
    assert seen == [1, 2, 3, 4]
    assert [path.name for path in checkpoint.parent.iterdir()] == ["evaluated.npz"]


def test_an_epoch_without_a_score_is_bettered_by_any_other(
    examples: tuple[Examples, Encoder],
) -> None:
    from recsys.models.train import train

    scores = iter([float("nan"), 0.1, 0.0])
    trained = train(*examples, CONFIG, seed=1, validate=lambda _: {"ndcg_at_12": next(scores)})
    assert trained.best_epoch == 2


def test_padded_negatives_change_nothing(examples: tuple[Examples, Encoder]) -> None:
    from recsys.models.train import train

    few, encoder = examples
    padded = replace(
        few,
        articles=np.pad(few.articles, ((0, 0), (0, 2))),
        interactions=np.pad(
            few.interactions, ((0, 0), (0, 2), (0, 0)), constant_values=np.float16(9)
        ),
    )
    config = CONFIG.model_copy(update={"epochs": 1, "retrieval_weight": 0.0})
    one, two = (train(e, encoder, config, seed=1).history[0] for e in (few, padded))
    assert one["ranking_loss"] == pytest.approx(two["ranking_loss"], rel=1e-4)


def test_no_images_no_image_weights(snapshot: Snapshot, encoder: Encoder, pairs: pa.Table) -> None:
    from recsys.models.train import train

    bare = replace(snapshot, image_vectors=np.empty((len(snapshot.is_on_sale), 0), np.float32))
    examples = collect_examples([(bare, p) for p in read_positives(pairs)], encoder)
    trained = train(*examples, CONFIG.model_copy(update={"epochs": 1}), seed=1)
    assert trained.network.image is None
    assert np.isfinite(trained.history[0]["retrieval_loss"])


def test_a_ranker_of_weight_zero_is_left_alone(examples: tuple[Examples, Encoder]) -> None:
    import keras

    from recsys.models.network import Recommender
    from recsys.models.train import network_shape, train

    config = CONFIG.model_copy(update={"epochs": 1, "ranking_weight": 0.0})
    trained = train(*examples, config, seed=1)
    keras.utils.set_random_seed(1)
    untouched = Recommender(network_shape(*examples, config))
    assert trained.history[0]["ranking_loss"] == 0
    ranker = zip(trained.network.ranker.get_weights(), untouched.ranker.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in ranker)
    projection = (
        net.query_tower.projection.get_weights()[0] for net in (trained.network, untouched)
    )
    assert not np.array_equal(*projection)


def test_without_images_articles_are_the_same_whatever_they_look_like(
    examples: tuple[Examples, Encoder], snapshot: Snapshot
) -> None:
    images = np.flip(snapshot.image_vectors, axis=0).copy()
    assert not np.array_equal(images, snapshot.image_vectors)
    for without, is_same in ((None, False), ("images", True)):
        network = _train_an_epoch(*examples, without).network
        one, two = (
            np.asarray(network.content(snapshot.article_categories, i))
            for i in (snapshot.image_vectors, images)
        )
        assert np.array_equal(one, two) is is_same


def test_without_history_customers_are_the_same_whatever_they_bought(
    examples: tuple[Examples, Encoder], snapshot: Snapshot
) -> None:
    everyone = np.arange(len(snapshot.age_bands))
    others = np.roll(snapshot.recent_articles, 1, axis=0)
    for without, is_same in ((None, False), ("history", True)):
        network = _train_an_epoch(*examples, without).network
        contents = network.content(snapshot.article_categories, snapshot.image_vectors)
        one, two = (
            np.asarray(
                network.customer_vectors(
                    snapshot.customer_numbers[everyone],
                    snapshot.customer_categories[everyone],
                    contents,
                    recent=recent,
                    days=snapshot.recent_days,
                    quantities=snapshot.recent_quantities,
                )
            )
            for recent in (snapshot.recent_articles, others)
        )
        assert np.array_equal(one, two) is is_same
        # Nor does it learn from histories: what would read them is as it began.
        rows = examples[0].customer_numbers.shape[1] + CONFIG.dim
        learned = network.query_tower.hidden[0].get_weights()[0][rows:]
        untrained = _train_an_epoch(*examples, without, learning_rate=1e-12).network
        begun = untrained.query_tower.hidden[0].get_weights()[0][rows:]
        assert np.allclose(learned, begun, atol=1e-6) is is_same


def test_without_log_q_it_does_not_matter_how_articles_got_into_a_batch(
    examples: tuple[Examples, Encoder],
) -> None:
    drawn, encoder = examples
    even = replace(
        drawn,
        positive_shares=np.full_like(drawn.positive_shares, 0.01),
        negative_shares=np.full_like(drawn.negative_shares, 0.01),
    )
    for without, is_same in ((None, False), ("log_q", True)):
        one, two = (
            _train_an_epoch(e, encoder, without).history[0]["retrieval_loss"] for e in (drawn, even)
        )
        assert bool(one == two) is is_same


def test_older_positives_weigh_less(snapshot: Snapshot, encoder: Encoder, pairs: pa.Table) -> None:
    from recsys.models.gather import snapshot_weights

    (positives,) = read_positives(pairs)
    later = replace(snapshot, cutoff=snapshot.cutoff + timedelta(weeks=1))
    examples, encoder = collect_examples([(snapshot, positives), (later, positives)], encoder)
    assert examples.snapshot_days.tolist() == [7.0, 0.0]
    assert snapshot_weights(examples, None).tolist() == [1.0, 1.0]
    assert snapshot_weights(examples, 7.0).tolist() == pytest.approx([2 / 3, 4 / 3])
    # A week of a thousand half-lives teaches nothing, whatever was bought in it.
    older = (examples.snapshots == 0)[:, None]
    swapped = replace(
        examples, articles=np.where(older, np.roll(examples.articles, 1, 1), examples.articles)
    )
    for half_life, is_same in ((None, False), (0.007, True)):
        one, two = (
            _train_an_epoch(e, encoder, None, half_life_days=half_life).network.get_weights()
            for e in (examples, swapped)
        )
        assert all(np.array_equal(*w) for w in zip(one, two, strict=True)) is is_same


def _train_an_epoch(examples: Examples, encoder: Encoder, without: Any, **settings: Any) -> Any:
    from recsys.models.train import train

    config = CONFIG.model_copy(update={"epochs": 1} | settings)
    return train(examples, encoder, config, seed=1, without=without)
