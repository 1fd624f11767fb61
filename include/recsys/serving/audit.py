"""The gate before publishing: every promise about the lists, checked on every list."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.schemas import EVERYONE
from recsys.serving.lists import Block, contains, pair_codes, read_blocks
from recsys.serving.snapshot import Run, Snapshot, find_rows, rows_by_key

Mask = npt.NDArray[np.bool_]

#: What stands for the cause in a reason.
ARTICLE, DAYS = "{article}", "{days}"


class Audit:
    """Counts what is wrong, block by block; in the end says how many customers, and names one."""

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        self.run = run
        self._snapshot = snapshot
        self._articles = rows_by_key(snapshot.articles.column(C.ARTICLE_KEY).to_numpy())
        self._lists = np.zeros(snapshot.customers.num_rows, dtype=np.int32)
        self._pairs: list[npt.NDArray[np.int64]] = []
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    @property
    def found(self) -> bool:
        """Whether a fault was seen already; purchases are looked at in the end."""
        return bool(self._counts)

    def see(self, block: Block) -> None:
        """Check one block of lists."""
        k = self.run.k
        self._count_lists(np.r_[block.customers, block.uneven])
        self._note(f"without exactly {k} recommendations", block.uneven)
        ascending = np.sort(block.articles, axis=1)
        unknown = find_rows(self._articles, block.articles.ravel()).reshape(-1, k) < 0
        with np.errstate(invalid="ignore"):
            rising = block.scores[:, 1:] > block.scores[:, :-1]
        wrong: dict[str, Mask] = {
            f"whose ranks are not 1 to {k}": block.ranks != np.arange(1, k + 1),
            "with an article twice": ascending[:, 1:] == ascending[:, :-1],
            "with an article that is not in the catalogue": unknown,
            "with a score that is not finite": ~np.isfinite(block.scores),
            "with a score that rises with rank": rising,
        }
        for fault, mask in wrong.items():
            self._note(fault, block.customers[mask.any(axis=1)])
        if block.reasons.null_count:
            missing = np.asarray(block.reasons.is_null()).reshape(-1, k)
            self._note(
                "with a recommendation without a reason", block.customers[missing.any(axis=1)]
            )
        unexplained = _has(ARTICLE, block) & (find_rows(self._articles, block.causes) < 0)
        self._note("with a reason that names no article", block.customers[unexplained.any(axis=1)])
        undated = _has(DAYS, block) & (block.causes < 1)
        self._note("with a reason that names no days", block.customers[undated.any(axis=1)])
        self._pairs.append(pair_codes(block.customers[:, None], ascending))

    def require_none(self, forbidden: npt.NDArray[np.int64]) -> None:
        """Hold the lists that were seen against what they may not name, and judge all of it.

        Raises:
            DataError: naming each kind of fault, how many customers have it, and one of them.
        """
        bought = f"with an article bought before (policy {self.run.policy})"
        for codes in self._pairs:
            rows = contains(forbidden, codes).any(axis=1)
            self._note(bought, (codes[rows, 0] >> 32).astype(np.int32))
        faults = self._faults() + _side_faults(self._snapshot)
        if faults:
            raise DataError([f"recommendations[{self.run.run_date}]: {fault}" for fault in faults])

    def _faults(self) -> list[str]:
        ids = self._snapshot.customers.column(C.CUSTOMER_ID)
        for fault, rows in (
            ("without recommendations", np.flatnonzero(self._lists == 0)),
            ("whose recommendations stand in more than one place", np.flatnonzero(self._lists > 1)),
        ):
            if len(rows):
                self._counts[fault] += len(rows)
                self._first.setdefault(fault, ids[int(rows[0])].as_py())
        return [
            f"customers {fault}: {number} (the first is {self._first[fault]})"
            for fault, number in self._counts.items()
        ]

    def _count_lists(self, customers: npt.NDArray[np.int32]) -> None:
        rows = find_rows(self._snapshot.customer_rows, customers)
        self._note("that are not in cleaned.customers", customers[rows < 0])
        np.add.at(self._lists, rows[rows >= 0], 1)

    def _note(self, fault: str, customers: npt.NDArray[np.int32]) -> None:
        if len(customers):
            self._counts[fault] += len(customers)
            self._first.setdefault(fault, self._name(int(customers[0])))

    def _name(self, key: int) -> str:
        row = int(find_rows(self._snapshot.customer_rows, np.array([key], dtype=np.int32))[0])
        if row < 0:
            return f"key {key}"
        return str(self._snapshot.customers.column(C.CUSTOMER_ID)[row].as_py())


def audit(snapshot: Snapshot, run: Run) -> None:
    """Check every list and side table of a run.

    Raises:
        DataError: as `Audit.require_none`.
    """
    checks = Audit(snapshot, run)
    for block in read_blocks(snapshot.lists, run.k):
        checks.see(block)
    checks.require_none(snapshot.forbidden(run.policy, run.policy_days))


def _has(gap: str, block: Block) -> Mask:
    """Return which reasons, [n, k], have a gap to fill."""
    texts = block.reasons.dictionary.to_pylist()
    named = np.array([gap in text for text in texts] + [False])
    places = np.asarray(block.reasons.indices.fill_null(len(texts)))
    return np.asarray(named[places].reshape(block.articles.shape))


def _side_faults(snapshot: Snapshot) -> list[str]:
    articles = rows_by_key(snapshot.articles.column(C.ARTICLE_KEY).to_numpy())
    columns: dict[str, pa.ChunkedArray] = {
        "similar_articles: article_key": snapshot.similar.column(C.ARTICLE_KEY),
        "similar_articles: similar_article_key": snapshot.similar.column("similar_article_key"),
        "popularity: article_key": snapshot.popular.column(C.ARTICLE_KEY),
    }
    unknown = {
        name: int((find_rows(articles, keys.to_numpy()) < 0).sum())
        for name, keys in columns.items()
    }
    faults = [f"{n} rows of {name} are not in the catalogue" for name, n in unknown.items() if n]
    if EVERYONE not in snapshot.popular.column(C.AGE_BAND).unique().to_pylist():
        faults.append(
            f"popularity has no segment {EVERYONE!r}, which unknown customers get: it is empty, or"
            " recommendations.articles leaves none of its best sellers"
        )
    return faults
