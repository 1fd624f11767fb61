"""The gate before publishing: every promise about the lists, checked on every list."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.schemas import EVERYONE
from recsys.serving.faults import find_faults
from recsys.serving.listed import Listed
from recsys.serving.lists import Block, read_blocks
from recsys.serving.snapshot import Run, Snapshot, find_rows, rows_by_key


class Audit:
    """Counts what is wrong, block by block; in the end says how many customers, and names one."""

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        self.run = run
        self._snapshot = snapshot
        self._known = rows_by_key(snapshot.articles.column(C.ARTICLE_KEY).to_numpy()) >= 0
        self._lists = np.zeros(snapshot.customers.num_rows, dtype=np.int32)
        self._listed = Listed(snapshot, run.k)
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    @property
    def found(self) -> bool:
        """Whether a fault was seen already; purchases are looked at in the end."""
        return bool(self._counts)

    def see(self, block: Block) -> None:
        """Check one block of lists."""
        self._count_lists(block.uneven)
        self._note(f"without exactly {self.run.k} recommendations", block.uneven)
        rows = self._count_lists(block.customers)
        self._listed.articles[rows[rows >= 0]] = block.articles[rows >= 0]
        for fault, lists in find_faults(block, self._known).items():
            self._note(fault, block.customers[lists])

    def require_none(self, bought: Iterable[pa.RecordBatch]) -> None:
        """Hold the lists that were seen against what was bought, and judge all of it.

        Args:
            bought: what `Snapshot.bought` returns.

        Raises:
            DataError: naming each kind of fault, how many customers have it, and one of them.
        """
        again = self._listed.among(bought).any(axis=1)
        keys = self._snapshot.customers.column(C.CUSTOMER_KEY).filter(pa.array(again))
        self._note(f"with an article bought before (policy {self.run.policy})", keys.to_numpy())
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

    def _count_lists(self, customers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Count a list for each customer, and return the customers' rows."""
        rows = find_rows(self._snapshot.customer_rows, customers)
        self._note("that are not in cleaned.customers", customers[rows < 0])
        np.add.at(self._lists, rows[rows >= 0], 1)
        return rows

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
    checks.require_none(snapshot.bought(run.policy, run.policy_days))


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
