"""Trained models as folders: saved by training, loaded in any process, checked by sha256.

A version's folder holds `evaluated/` (trained on the training part; what evaluations judge) and,
with `model.refit`, `served/` (the same, trained also on everything later; what nights use). Each has
`model.keras`, `encoder.json`, with images `pca.npz`, and `model.json` with every file's sha256.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np

from recsys.columns import PADDING_KEY
from recsys.errors import DataError
from recsys.examples.encode import Encoder, Float32, Int32
from recsys.models.inputs import Pca, Snapshot
from recsys.paths import Partition
from recsys.storage import sha256_of_file

Role = Literal["served", "evaluated"]


def model_partition(version: str) -> Partition:
    """Return where a model version lives in the lake."""
    return Partition("models.versions", version)


def version_name(run_date: date, fingerprint: str) -> str:
    """Return a model's version: its day and what it was made from.

    >>> version_name(date(2020, 9, 23), "0123456789abcdef")
    '2020-09-23-01234567'
    """
    return f"{run_date}-{fingerprint[:8]}"


@dataclass
class TrainedModel:
    """A model that scores customers and articles of any snapshot, also those it never saw.

    Snapshots must be loaded with this model's `encoder` and `pca`:
    `load_snapshot(lake, cutoff, run_date, model.encoder, model.pca)`.

    version: its name in models.versions.
    dim: the width of the towers' vectors.
    metrics: of the validation part: ndcg_at_12, auc, precision, recall, threshold and others.
    """

    version: str
    dim: int
    encoder: Encoder
    pca: Pca | None
    metrics: dict[str, float]

    def article_vectors(self, snapshot: Snapshot) -> Float32:
        """Return float32 [articles, dim], of length 1; rows 0 and 1 are zero."""
        raise NotImplementedError

    def customer_vectors(self, snapshot: Snapshot, customer_keys: Int32) -> Float32:
        """Return float32 [n, dim], of length 1, of customers [n]; their dot product with
        `article_vectors` ranks articles for retrieval."""
        raise NotImplementedError

    def score_pairs(self, snapshot: Snapshot, customer_keys: Int32, article_keys: Int32) -> Float32:
        """Return float32 [n, m]: how likely customer [n] buys each of its articles [n, m].

        Probabilities among one purchase and `negatives_per_positive` sampled articles: to be
        compared, not to be summed. Padding (article 0) scores -inf.
        """
        raise NotImplementedError


def load_model(folder: Path, role: Role = "served") -> TrainedModel:
    """Return a version's model, from the folder that `Lake.local_path(model_partition(v))` yields.

    `evaluated` is the model to judge: it never saw the validation and test parts. `served` is the
    one for nights and for publishing; without `model.refit` they are the same.

    Raises:
        DataError: a file is missing or is not the one that was saved.
    """
    raise NotImplementedError
