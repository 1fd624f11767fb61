"""Trained models as folders: saved by training, loaded in any process, checked by sha256.

A version's folder holds `evaluated/` (trained on the training part; what evaluations judge) and,
with `model.refit`, `served/` (trained on everything; what nights use). Each is complete:
`model.keras`, `encoder.json`, with images `pca.npz`, with trees `trees.json` and a text file for
each mode, and `model.json` with the files' sha256.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recsys.columns import FIRST_KEY, PADDING_KEY
from recsys.digest import sha256_of_file
from recsys.errors import DataError
from recsys.examples.encode import Encoder, Int32
from recsys.examples.numbers import Float32
from recsys.models.batches import pair_features
from recsys.models.inputs import Pca, Snapshot
from recsys.paths import Partition

if TYPE_CHECKING:
    from recsys.models.network import Recommender
    from recsys.models.trees import Trees

Role = Literal["served", "evaluated"]

NETWORK, ENCODER, PCA, CARD = "model.keras", "encoder.json", "pca.npz", "model.json"
#: Rows, and pairs, that go through the network at a time.
BLOCK_ROWS, BLOCK_PAIRS = 4096, 1 << 16


def model_partition(version: str) -> Partition:
    """Return where a model version lives in the lake."""
    return Partition("models.versions", version)


@dataclass(frozen=True)
class _Articles:
    """What the network makes of all articles of a snapshot, once."""

    snapshot: Snapshot
    contents: Any  # [articles, dim]
    vectors: Any  # [articles, dim]
    parts: Any  # [articles, first ranker layer]


class TrainedModel:
    """A model that scores customers and articles of any snapshot, also those it never saw.

    Snapshots must be loaded with this model's `encoder` and `pca`:
    `load_snapshot(lake, cutoff, run_date, model.encoder, model.pca)`.

    version: its name in models.versions.
    metrics: of the validation part: ndcg_at_12, auc, precision, recall, threshold and others.
    trees: the second ranker; None where there were too few weeks to learn from.
    rankers: mode -> `network` or `trees`, which of the two orders its lists.
    """

    def __init__(
        self,
        network: "Recommender",
        encoder: Encoder,
        *,
        pca: Pca | None = None,
        version: str = "",
        metrics: dict[str, float] | None = None,
        trees: "Trees | None" = None,
        rankers: dict[str, str] | None = None,
    ) -> None:
        self.network = network
        self.encoder = encoder
        self.pca = pca
        self.version = version
        self.metrics = metrics or {}
        self.trees = trees
        self.rankers = rankers or {}
        self._prepared: _Articles | None = None

    @property
    def dim(self) -> int:
        """The width of the towers' vectors."""
        return int(self.network.sizes.dim)

    def article_vectors(self, snapshot: Snapshot) -> Float32:
        """Return float32 [articles, dim], of length 1; rows 0 and 1 are zero."""
        vectors = np.array(self._articles(snapshot).vectors)
        vectors[:FIRST_KEY] = 0
        return vectors

    def customer_vectors(self, snapshot: Snapshot, customer_keys: Int32) -> Float32:
        """Return float32 [n, dim], of length 1, of customers [n].

        Their dot product with `article_vectors` is what retrieval ranks articles by.
        """
        contents = self._articles(snapshot).contents
        vectors = np.empty((len(customer_keys), self.dim), np.float32)
        for start in range(0, len(customer_keys), BLOCK_ROWS):
            keys = customer_keys[start : start + BLOCK_ROWS]
            vectors[start : start + BLOCK_ROWS] = self.network.customer_vectors(
                snapshot.customer_numbers[keys],
                snapshot.customer_categories[keys],
                contents,
                recent=snapshot.recent_articles[keys],
                days=snapshot.recent_days[keys],
                quantities=snapshot.recent_quantities[keys],
            )
        return vectors

    def score_pairs(self, snapshot: Snapshot, customer_keys: Int32, article_keys: Int32) -> Float32:
        """Return float32 [n, m]: how likely customer [n] buys each of its articles [n, m].

        Probabilities among one purchase and `negatives_per_positive` sampled articles: to be
        compared, not to be summed. Padding (article 0) scores -inf.
        """
        scores = np.empty(article_keys.shape, np.float32)
        step = max(1, BLOCK_PAIRS // max(1, article_keys.shape[1]))
        for start in range(0, len(customer_keys), step):
            rows = slice(start, start + step)
            scores[rows] = self._score(snapshot, customer_keys[rows], article_keys[rows])
        scores[article_keys == PADDING_KEY] = -np.inf
        return scores

    def _score(self, snapshot: Snapshot, customers: Int32, articles: Int32) -> Any:
        prepared = self._articles(snapshot)
        vectors = self.customer_vectors(snapshot, customers)
        interactions = pair_features(snapshot, customers, articles)
        return self.network.probabilities(
            (vectors, self.network.rank_customers(vectors, snapshot.customer_numbers[customers])),
            (prepared.vectors, prepared.parts),
            articles,
            self.encoder.encode_interactions(interactions),
        )

    def _articles(self, snapshot: Snapshot) -> _Articles:
        if self._prepared is None or self._prepared.snapshot is not snapshot:
            net, numbers = self.network, snapshot.article_numbers
            contents = net.content(snapshot.article_categories, snapshot.image_vectors)
            vectors = net.article_vectors(contents, numbers)
            parts = net.rank_articles(vectors, numbers)
            self._prepared = _Articles(snapshot, contents, vectors, parts)
        return self._prepared


def save_model(model: TrainedModel, folder: Path) -> dict[str, str]:
    """Write a model into a new folder; return the sha256 of each of its files."""
    folder.mkdir(parents=True)
    model.network.save(folder / NETWORK)
    (folder / ENCODER).write_text(model.encoder.to_json(), encoding="utf-8")
    if model.pca is not None:
        model.pca.save(folder / PCA)
    if model.trees is not None:
        model.trees.save(folder)
    digests = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir())}
    card = {
        "version": model.version, "metrics": model.metrics, "rankers": model.rankers,
        "sha256": digests,
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(card, indent=2), encoding="utf-8")
    return digests


def load_model(folder: Path, role: Role = "served") -> TrainedModel:
    """Return a version's model, from the folder that `Lake.local_path(model_partition(v))` yields.

    `evaluated` is the model to judge: it was trained on the training part alone. `served` is the
    one for nights and for publishing; without `model.refit` they are the same.

    Raises:
        DataError: a file is missing or is not the one that was saved.
    """
    if role == "served" and not (folder / "served").is_dir():
        role = "evaluated"
    folder = folder / role
    card = _read_card(folder)
    # Only here: jobs that merely name a version must not wait for TensorFlow.
    import keras

    from recsys.models.network import Recommender
    from recsys.models.trees import NAMES, Trees

    network = keras.saving.load_model(
        folder / NETWORK, custom_objects={"Recommender": Recommender}, compile=False
    )
    return TrainedModel(
        network,
        Encoder.from_json((folder / ENCODER).read_text(encoding="utf-8")),
        pca=Pca.load(folder / PCA) if PCA in card["sha256"] else None,
        version=card["version"],
        metrics=card["metrics"],
        trees=Trees.load(folder) if NAMES in card["sha256"] else None,
        rankers=card.get("rankers"),  # models of before had the network alone
    )


def _read_card(folder: Path) -> dict[str, Any]:
    """Return what `save_model` said of a folder, once its files are found to be unchanged."""
    if not (folder / CARD).is_file():
        raise DataError(f"{folder} holds no model ({CARD} is missing): run train_models again")
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    faults = []
    for name, digest in card["sha256"].items():
        path = folder / name
        if not path.is_file():
            faults.append(f"the model's file {path} is missing: run train_models again")
        elif sha256_of_file(path) != digest:
            faults.append(f"the model's file {path} was changed since: run train_models again")
    if faults:
        raise DataError(faults)
    return card
