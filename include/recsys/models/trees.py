"""The second ranker: gradient-boosted trees over what is known of each candidate.

First trees that say how likely a candidate is bought, then trees that move what was bought up each
customer's list: LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) as LightGBM
has it, a model for each purchase mode. One more model, PAIRS, of the first kind alone, judges
single pairs of a customer and an article.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

# LightGBM's threads would spin while they wait for each other: slow where other work runs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recsys.config import TreesConfig
from recsys.models.forest import Forest

Floats = NDArray[np.float32]
Boosters = tuple[lgb.Booster, ...]

NAMES = "trees.json"
#: The name of the model of single pairs; the others have those of purchase modes.
PAIRS = "pairs"


@dataclass(frozen=True)
class Rows:
    """Candidates to learn from, those of a customer and week together.

    features: float32 [rows, columns]; labels: int8 [rows], 1 bought; groups: int64 [lists], rows of
    each list, in order, or empty where the rows are single pairs.
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

    def thin_out(self, negative_share: float, generator: np.random.Generator) -> Self:
        """Return of each list what was bought, and a share of the others, drawn at random.

        Args:
            negative_share: how likely each row that was not bought stays, 0 to 1.
            generator: draws a number a row.
        """
        kept = (self.labels > 0) | (generator.random(len(self.labels)) < negative_share)
        lists = np.repeat(np.arange(len(self.groups)), self.groups)
        left = np.bincount(lists[kept], minlength=len(self.groups))
        return type(self)(self.features[kept], self.labels[kept], left)


@dataclass(frozen=True)
class Trees:
    """A trained model for each mode and for PAIRS, and the names of the columns that each reads.

    A model is the mean of several boosters, each of which learned from other draws of rows and
    columns.
    """

    names: Mapping[str, tuple[str, ...]]
    boosters: Mapping[str, Boosters]
    _forests: dict[str, Forest] = field(default_factory=dict, init=False, repr=False)

    def score(self, mode: str, features: Floats) -> Floats:
        """Return float32 [rows]: the higher, the sooner bought.

        Scores of a mode compare only within a list; those of PAIRS are probabilities among a
        purchase and its sampled negatives.
        """
        if not len(features):
            return np.zeros(0, np.float32)
        if mode not in self._forests:
            self._forests[mode] = Forest.of(*self.boosters[mode])
        scores = self._forests[mode].score(features)
        return np.asarray(expit(scores) if mode == PAIRS else scores, np.float32)

    def importance(self, mode: str) -> dict[str, float]:
        """Return each column's share of what all splits gained, largest first."""
        gains = np.sum([b.feature_importance("gain") for b in self.boosters[mode]], axis=0)
        shares = gains / max(gains.sum(), 1e-12)
        pairs = zip(self.names[mode], shares.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def save(self, folder: Path) -> None:
        """Write LightGBM's own text format, a file a booster, and the names."""
        for mode, boosters in self.boosters.items():
            for number, booster in enumerate(boosters):
                booster.save_model(folder / f"trees-{mode}-{number:02}.txt")
        (folder / NAMES).write_text(json.dumps(dict(self.names), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote, or wrote when a model was one booster, without a number."""
        names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
        return cls(
            {mode: tuple(columns) for mode, columns in names.items()},
            {
                mode: tuple(
                    lgb.Booster(model_file=file)
                    for file in sorted(folder.glob(f"trees-{mode}*.txt"))
                )
                for mode in names
            },
        )


def fit_trees(parts: Sequence[Rows], config: TreesConfig, *, seed: int) -> Boosters:
    """Return trees that order each list, or that judge single pairs where there are no lists.

    The first trees of a booster say how likely each candidate is bought; of lists, as many more
    then put them in order. Alone, trees of either kind do worse, and so does one booster. The same
    rows, settings and seed give the same trees.

    Args:
        parts: at least one row in all; features are sorted into bins part by part, never joined.
        config: of the trees.
        seed: of what boosters draw.
    """
    groups = np.concatenate([part.groups for part in parts])
    parameters = {
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows if len(groups) else config.min_pairs,
        "lambda_l2": config.l2,
        "feature_fraction": config.column_share,
        "bagging_fraction": config.row_share,
        "bagging_freq": 1,
        "data_random_seed": seed,  # of the rows that bins are chosen by: the same for all boosters
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        [part.features for part in parts],
        np.concatenate([part.labels for part in parts]),
        group=groups if len(groups) else None,
        params=parameters,
    ).construct()
    return tuple(
        _grow(data, parameters | {"seed": seed + number}, config)
        for number in range(config.boosters)
    )


def _grow(data: lgb.Dataset, parameters: dict[str, Any], config: TreesConfig) -> lgb.Booster:
    booster = lgb.Booster(parameters | {"objective": "binary"}, data)
    grew = [not booster.update() for _ in range(config.trees)]
    if data.get_group() is not None and any(grew):  # else there are too few rows to part
        order = {"objective": "lambdarank", "lambdarank_truncation_level": config.truncation}
        booster.reset_parameter(parameters | order)  # goes on from the scores that it has
        for _ in range(config.trees):
            booster.update()
    return lgb.Booster(model_str=booster.model_to_string())  # without the rows
