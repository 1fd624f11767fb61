"""Lists as CSV files, scored against what was bought in the week after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.evaluation.metrics import LIST_METRICS
from recsys.inference.policy import MODES

IDS = ["customer_id", "article_id"]


@dataclass(frozen=True)
class Cut:
    """One cut: a folder of H&M's files with truth.csv, and the lists made for it.

    folder: holds transactions_train.csv and truth.csv.
    lists: mode -> a CSV file `customer_id,rank,article_id,score`.
    """

    folder: Path
    lists: dict[str, Path]


def score(cuts: Sequence[Cut], *, k: int) -> dict[str, dict[str, float]]:
    """Return mode -> metric -> its mean over the customers of all cuts, who count once a cut.

    A customer counts who bought something that counts in the mode: anything in mode `all`, an
    article for the first time in mode `novel`. One without a list scores 0.
    """
    scores = {}
    for mode in MODES:
        parts = [_score(cut, mode, k=k) for cut in cuts]
        customers = sum(len(part) for part in parts)
        means = pd.concat(parts).mean()
        scores[mode] = {
            "customers": customers,
            **{name: float(means[name]) for name in means.index},
        }
    return scores


def _score(cut: Cut, mode: str, *, k: int) -> pd.DataFrame:
    """Return one row a customer, a column a metric."""
    truth = _read(cut.folder / "truth.csv").drop_duplicates()
    if mode == "novel":
        before = _read(cut.folder / "transactions_train.csv").drop_duplicates()
        seen = truth.merge(before, on=IDS, how="left", indicator=True)["_merge"] == "both"
        truth = truth[~seen.to_numpy()]
    relevant = truth.groupby("customer_id").size()
    found = _read(cut.lists[mode], "rank").merge(truth, on=IDS)
    hits = np.zeros((len(relevant), k), bool)
    hits[relevant.index.get_indexer(pd.Index(found["customer_id"])), found["rank"] - 1] = True
    metrics = {name: at_k(hits, relevant, k) for name, at_k in LIST_METRICS.items()}
    return pd.DataFrame(metrics, index=relevant.index)


def _read(path: Path, *others: str) -> pd.DataFrame:
    return pd.read_csv(path, dtype=dict.fromkeys(IDS, str), usecols=[*IDS, *others])
