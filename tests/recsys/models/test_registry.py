import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import ModelConfig
from recsys.errors import DataError
from recsys.examples.encode import Encoder
from recsys.models.batches import collect_examples, read_positives
from recsys.models.inputs import Pca, Snapshot
from recsys.models.registry import TrainedModel, load_model, model_partition, save_model

pytestmark = pytest.mark.tensorflow

CONFIG = ModelConfig(epochs=12, batch_size=64, dim=8, tower_units=(16,), ranker_units=(16, 8))
CUSTOMERS = np.array([2, 3, 61], np.int32)
ARTICLES = np.array([[10, 11, 0], [10, 11, 41], [40, 3, 0]], np.int32)


@pytest.fixture(scope="module")
def model(snapshot: Snapshot, encoder: Encoder, pairs: pa.Table) -> TrainedModel:
    return train_model(snapshot, encoder, pairs, CONFIG)


def train_model(
    snapshot: Snapshot, encoder: Encoder, pairs: pa.Table, config: ModelConfig
) -> TrainedModel:
    from recsys.models.train import train

    blocks = [(snapshot, p) for p in read_positives(pairs)]
    examples, fitted = collect_examples(blocks, encoder)
    pca = Pca(np.zeros(4, np.float32), np.ones((3, 4), np.float32), 2.0)
    trained = train(examples, fitted, config, seed=1)
    return TrainedModel(
        trained.network, fitted, pca=pca, version="2020-09-23-abc", metrics={"auc": 0.75}
    )


def test_article_vectors_have_length_one_but_for_reserved_keys(
    model: TrainedModel, snapshot: Snapshot
) -> None:
    lengths = np.linalg.norm(model.article_vectors(snapshot), axis=1)
    assert lengths[:2].tolist() == [0.0, 0.0]
    assert lengths[2:] == pytest.approx(np.ones(40))
    customers = model.customer_vectors(snapshot, CUSTOMERS)
    assert customers.shape == (3, 8)
    assert np.linalg.norm(customers, axis=1) == pytest.approx(np.ones(3))


def test_customers_prefer_the_kind_they_buy(model: TrainedModel, snapshot: Snapshot) -> None:
    scores = model.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    assert scores[0, 0] > 0.5 > scores[0, 1]
    assert scores[1, 1] > 0.5 > scores[1, 0]
    cosines = model.customer_vectors(snapshot, CUSTOMERS[:2]) @ model.article_vectors(snapshot).T
    assert cosines[0, 10] > cosines[0, 11]
    assert cosines[1, 11] > cosines[1, 10]


def test_padding_scores_minus_infinity_and_leaves_its_neighbours_alone(
    model: TrainedModel, snapshot: Snapshot
) -> None:
    scores = model.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    assert np.isneginf(scores).tolist() == [[False, False, True], [False] * 3, [False, False, True]]
    alone = model.score_pairs(snapshot, CUSTOMERS, ARTICLES[:, :2])
    assert scores[:, :2] == pytest.approx(alone, rel=1e-5)


def test_a_score_does_not_depend_on_the_block_it_is_made_in(
    model: TrainedModel, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    monkeypatch.setattr("recsys.models.registry.BLOCK_PAIRS", 1)
    monkeypatch.setattr("recsys.models.registry.BLOCK_ROWS", 2)
    found = model.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    assert np.allclose(found, expected, rtol=1e-4)


def test_new_customers_and_articles_are_scored(model: TrainedModel, snapshot: Snapshot) -> None:
    """A later snapshot is longer: keys that training never saw have rows of their own."""

    def longer(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array, array[-1:]])

    customers = {
        name: longer(getattr(snapshot.customers, name))
        for name in ("recent_articles", "recent_days", "recent_quantities", "mean_price", "age")
    }
    catalogue = replace(
        snapshot.catalogue,
        product_code=longer(snapshot.catalogue.product_code),
        tastes={name: longer(codes) for name, codes in snapshot.catalogue.tastes.items()},
        mean_price=longer(snapshot.mean_price),
        mean_customer_age=longer(snapshot.mean_customer_age),
    )
    arrays = ("customer_numbers", "customer_categories", "age_bands", "article_numbers",
              "article_categories", "image_vectors", "is_on_sale", "sales_7d")  # fmt: skip
    later = replace(
        snapshot,
        **{name: longer(getattr(snapshot, name)) for name in arrays},
        customers=replace(snapshot.customers, **customers),
        catalogue=catalogue,
    )
    assert model.article_vectors(later).shape == (43, 8)
    scores = model.score_pairs(later, np.array([62], np.int32), np.array([[42, 2]], np.int32))
    assert ((scores > 0) & (scores < 1)).all()


def test_mixed_precision_scores_much_the_same_before_and_after_loading(
    model: TrainedModel, snapshot: Snapshot, encoder: Encoder, pairs: pa.Table, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"mixed_precision": True})
    mixed = train_model(snapshot, encoder, pairs, config)
    found = mixed.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    exact = model.score_pairs(snapshot, CUSTOMERS, ARTICLES)
    assert found == pytest.approx(exact, abs=0.1)
    assert (found != exact).any(), "nothing was reduced"
    save_model(mixed, tmp_path / "evaluated")
    loaded = load_model(tmp_path)
    assert loaded.score_pairs(snapshot, CUSTOMERS, ARTICLES).tolist() == found.tolist()


def test_a_loaded_model_gives_the_same_scores_in_a_fresh_process(
    model: TrainedModel, snapshot: Snapshot, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "evaluated")
    np.savez(
        tmp_path / "inputs.npz",
        categories=snapshot.article_categories,
        images=snapshot.image_vectors,
        numbers=snapshot.article_numbers,
    )
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from recsys.models.registry import load_model\n"
        "folder = Path(sys.argv[1])\n"
        "net = load_model(folder).network\n"
        "a = np.load(folder / 'inputs.npz')\n"
        "vectors = net.article_vectors(net.content(a['categories'], a['images']), a['numbers'])\n"
        "np.save(folder / 'vectors.npy', vectors)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
    )
    vectors = np.load(tmp_path / "vectors.npy")
    assert np.allclose(vectors[2:], model.article_vectors(snapshot)[2:], atol=1e-6)
    loaded = load_model(tmp_path)
    assert np.allclose(
        loaded.score_pairs(snapshot, CUSTOMERS, ARTICLES),
        model.score_pairs(snapshot, CUSTOMERS, ARTICLES),
    )
    assert (loaded.version, loaded.metrics) == ("2020-09-23-abc", {"auc": 0.75})
    assert loaded.encoder == model.encoder
    assert loaded.pca is not None
    assert loaded.pca.scale == 2.0


def test_served_is_preferred_and_evaluated_can_be_asked_for(
    model: TrainedModel, tmp_path: Path
) -> None:
    for role in ("evaluated", "served"):
        other = TrainedModel(model.network, model.encoder, version=role)
        save_model(other, tmp_path / role)
    assert load_model(tmp_path).version == "served"
    assert load_model(tmp_path, "evaluated").version == "evaluated"


def test_changed_and_missing_files_are_all_named(model: TrainedModel, tmp_path: Path) -> None:
    digests = save_model(model, tmp_path / "evaluated")
    assert sorted(digests) == ["encoder.json", "model.keras", "pca.npz"]
    (tmp_path / "evaluated" / "pca.npz").unlink()
    encoder = tmp_path / "evaluated" / "encoder.json"
    encoder.write_text(json.dumps(json.loads(encoder.read_text())))
    with pytest.raises(DataError) as error:
        load_model(tmp_path)
    assert [fault.rsplit("/", 1)[-1] for fault in error.value.faults] == [
        "encoder.json was changed since: run train_models again",
        "pca.npz is missing: run train_models again",
    ]


def test_a_folder_without_a_model_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.json is missing\): run train_models again"):
        load_model(tmp_path)


def test_a_version_has_its_own_partition() -> None:
    assert str(model_partition("2020-09-23-abc")) == "models.versions[2020-09-23-abc]"
