"""The last look: what a reader gets from Postgres is what was promised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from psycopg2.extensions import connection as Connection

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.inference.offered import read_out_of_stock, stock_files
from recsys.serving.copy_out import read_batches
from recsys.serving.gates import broken_gates, policies_of
from recsys.serving.listed import Listed
from recsys.serving.migrate import require_current
from recsys.serving.postgres import session
from recsys.serving.snapshot import Snapshot

ROWS = pa.schema([(C.CUSTOMER_ID, pa.string()), (C.RANK, pa.int32()), (C.ARTICLE_ID, pa.string())])


@dataclass(frozen=True)
class Found:
    """What was read back."""

    run_id: int
    #: False for an older run date, which is loaded and kept aside: then nothing else was read.
    active: bool
    customers: int = 0
    recommendations: int = 0


def check(url: str, snapshot: Snapshot, *, run_date: str, source: str, data: str = ".") -> Found:
    """Read the active run as recs_reader does, and return what was found.

    `data` is the folder that a list of what is out of stock is in, as it is now.

    Raises:
        DataError: naming everything that is not as promised.
        ConfigError: the role may not act as recs_reader, or the schema is missing.
    """
    with session(url, name="recsys check") as connection:
        require_current(connection)
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE recs_reader")
        run = _published_run(connection, run_date, source)
        if run["state"] == "ready":
            return Found(run["run_id"], active=False)
        found = _ReadBack(snapshot, run)
        for batch in read_batches(
            connection, "SELECT customer_id, rank, article_id FROM recs.recommendations", ROWS
        ):
            found.see(batch)
        policies = policies_of(connection, run["run_id"])
        gone = [i for f in stock_files(policies.articles, data) for i in read_out_of_stock(f)]
        faults = found.faults() + broken_gates(connection, policies, gone)
        faults += _answer_faults(connection, snapshot, run)
    if faults:
        raise DataError([f"published run {run['run_id']}: {fault}" for fault in faults])
    return Found(run["run_id"], True, snapshot.customers.num_rows, found.rows)


def _published_run(connection: Connection, run_date: str, source: str) -> dict[str, Any]:
    """Return the run that should be active: the latest one of this date and source."""
    row = _one(
        connection,
        "SELECT run_id, state, k, policy, policy_days FROM recs.runs"
        " WHERE run_date = %s AND source = %s AND state IN ('active', 'ready')"
        " ORDER BY state = 'active' DESC, run_id DESC LIMIT 1",
        run_date,
        source,
    )
    if row is None:
        active = _one(connection, "SELECT run_id, run_date FROM recs.freshness")
        assert active is not None
        shown = "no run is active" if active[0] is None else f"run {active[0]} of {active[1]} is"
        raise DataError(f"the run of {run_date} is not active ({shown}): publish_recommendations")
    return dict(zip(("run_id", "state", "k", "policy", "policy_days"), row, strict=True))


class _ReadBack:
    """Puts together what each customer got, batch by batch, in any order."""

    def __init__(self, snapshot: Snapshot, run: dict[str, Any]) -> None:
        self.rows = 0
        self._snapshot, self._run = snapshot, run
        self._customer_rows = _Rows(snapshot.customers[C.CUSTOMER_ID])
        self._article_rows = _Rows(snapshot.articles[C.ARTICLE_ID])
        self._listed = Listed(snapshot, run["k"])
        self._counts = np.zeros(snapshot.customers.num_rows, dtype=np.int64)
        self._unknown = 0

    def see(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        customers = self._customer_rows(batch.column(C.CUSTOMER_ID))
        articles = self._article_rows(batch.column(C.ARTICLE_ID))
        known = (customers >= 0) & (articles >= 0)
        self._unknown += int((~known).sum())
        customers = customers[known]
        self._counts += np.bincount(customers, minlength=len(self._counts))
        places = batch.column(C.RANK).to_numpy()[known] - 1
        fits = (places >= 0) & (places < self._run["k"])
        keys = self._snapshot.articles[C.ARTICLE_KEY].to_numpy()[articles[known]]
        self._listed.articles[customers[fits], places[fits]] = keys[fits]

    def faults(self) -> list[str]:
        k, policy = self._run["k"], self._run["policy"]
        wrong = (self._counts != k) | (self._listed.articles == 0).any(axis=1)
        bought = self._snapshot.bought(policy, self._run["policy_days"])
        counts = {
            f"customers do not have ranks 1 to {k}": int(wrong.sum()),
            "rows name an unknown customer or article": self._unknown,
            f"rows recommend what the customer bought (policy {policy})": int(
                self._listed.among(bought).sum()
            ),
        }
        return [f"{number} {fault}" for fault, number in counts.items() if number]


class _Rows:
    """Finds the rows of ids."""

    def __init__(self, ids: pa.ChunkedArray) -> None:
        self._index = pd.Index(ids.to_pandas())

    def __call__(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return each id's row, or -1; ids are looked up once, however often they come."""
        found = ids.dictionary_encode()
        rows = self._index.get_indexer(found.dictionary.to_pandas())
        return np.asarray(rows[found.indices.to_numpy()], dtype=np.int64)


def _answer_faults(connection: Connection, snapshot: Snapshot, run: dict[str, Any]) -> list[str]:
    """Ask what people ask: one customer, an unknown one, and whether the run is late."""
    faults = []
    recommend = "SELECT count(*) FROM recs.recommend(%s, %s)"
    known = snapshot.customers.column(C.CUSTOMER_ID)[0].as_py()
    if (row := _one(connection, recommend, known, run["k"])) != (run["k"],):
        faults.append(f"recs.recommend gives {known} {row} rows, not {run['k']}")
    if _one(connection, recommend, "nobody", 1) != (1,):
        faults.append("recs.recommend has nothing for an unknown customer")
    if _one(connection, "SELECT run_id, is_late FROM recs.freshness") != (run["run_id"], False):
        faults.append("recs.freshness does not call it active and on time")
    return faults


def _one(connection: Connection, query: str, *values: object) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()
