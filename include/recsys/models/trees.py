"""The second ranker: gradient-boosted trees over what is known of each candidate.

LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) as LightGBM has it: trees that
move what was bought up each customer's list. One model a purchase mode, see `MODES`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsys.config import TreesConfig

Floats = NDArray[np.float32]

NAMES = "trees.json"


@dataclass(frozen=True)
class Rows:
    """Candidates to learn from, those of a customer and week together.

    features: float32 [rows, columns]; labels: int8 [rows], 1 bought; groups: int64 [lists], rows of
    each list, in order.
    """

    features: Floats
    labels: NDArray[np.int8]
    groups: NDArray[np.int64]

    @classmethod
    def join(cls, parts: Sequence["Rows"]) -> Self:
        """Return the rows of all parts."""
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
        )


@dataclass(frozen=True)
class Trees:
    """A trained model for each mode, and the names of the columns that all of them read."""

    names: tuple[str, ...]
    boosters: dict[str, lgb.Booster]

    def score(self, mode: str, features: Floats) -> Floats:
        """Return float32 [rows]: the higher, the sooner bought; compare only within a list."""
        if not len(features):
            return np.zeros(0, np.float32)
        return np.asarray(self.boosters[mode].predict(features), np.float32)

    def importance(self, mode: str) -> dict[str, float]:
        """Return each column's share of what all splits gained, largest first."""
        gains = self.boosters[mode].feature_importance("gain")
        shares = gains / max(gains.sum(), 1e-12)
        pairs = zip(self.names, shares.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def save(self, folder: Path) -> None:
        """Write LightGBM's own text format, a file a mode, and the names."""
        for mode, booster in self.boosters.items():
            booster.save_model(folder / f"trees-{mode}.txt")
        known: dict[str, Any] = {"names": self.names, "modes": list(self.boosters)}
        (folder / NAMES).write_text(json.dumps(known, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote."""
        known = json.loads((folder / NAMES).read_text(encoding="utf-8"))
        boosters = {
            mode: lgb.Booster(model_file=folder / f"trees-{mode}.txt") for mode in known["modes"]
        }
        return cls(tuple(known["names"]), boosters)


def fit_trees(rows: Rows, config: TreesConfig, *, seed: int) -> lgb.Booster:
    """Return trees that order each list; the same rows, settings and seed give the same trees."""
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": config.truncation,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows,
        "lambda_l2": config.l2,
        "feature_fraction": config.column_share,
        "bagging_fraction": config.row_share,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(rows.features, rows.labels, group=rows.groups)
    return lgb.train(parameters, data, config.trees)
