"""The ledger of runs, as the publisher keeps it: started, finished, failed, dropped.

Whoever calls these holds the publish lock.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from recsys.config import PublishConfig
from recsys.log import get_logger
from recsys.serving.snapshot import Run
from recsys.serving.tables import Filled

logger = get_logger("serving.runs")

#: How long readers' transactions are waited for before a run is dropped: a list takes milliseconds.
PATIENCE_S = 0.1


@dataclass(frozen=True)
class ActiveRun:
    """What readers see now."""

    run_id: int
    run_date: str
    source: str


def active_run(connection: Connection) -> ActiveRun | None:
    """Return the active run, or None before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT run_id, run_date::text, source FROM recs_data.active_run")
        row = cursor.fetchone()
    return None if row is None else ActiveRun(*row)


def loaded_run(connection: Connection, fingerprint: str) -> int | None:
    """Return the run that has these inputs and is loaded; the active one before any other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id FROM recs_data.runs WHERE fingerprint = %s"
            " AND state IN ('active', 'ready', 'superseded')"
            " ORDER BY state = 'active' DESC, run_id DESC LIMIT 1",
            (fingerprint,),
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def start(connection: Connection, run: Run, settings: PublishConfig) -> int:
    """Enter a run as loading and return its id."""
    row = {
        "run_date": run.run_date,
        "source": run.source,
        "model_version": run.model_version,
        "policy": run.policy,
        "policy_days": run.policy_days,
        "k": run.k,
        "fingerprint": run.fingerprint,
        "inputs": json.dumps(run.inputs),
        "notes": json.dumps(run.notes),
        "policies": json.dumps(run.policies),
        "late_after_hours": settings.late_after_hours,
    }
    query = sql.SQL("INSERT INTO recs_data.runs ({}) VALUES ({}) RETURNING run_id").format(
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    with connection.cursor() as cursor:
        cursor.execute(query, row)
        found = cursor.fetchone()
    assert found is not None
    return int(found[0])


def finish(connection: Connection, run_id: int, filled: Filled) -> None:
    """Enter what a run's tables hold, and call it ready."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET state = 'ready', customers = %s, articles = %s,"
            " reasons = %s, checksum = %s, published_at = clock_timestamp() WHERE run_id = %s",
            (filled.customers, filled.articles, filled.reasons, filled.checksum, run_id),
        )


def fail(connection: Connection, run_id: int, error: Exception) -> None:
    """Enter why a run failed and drop its tables; without a connection the next publish does."""
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET state = 'failed', explanation = %s WHERE run_id = %s",
            (" ".join(str(error).split()), run_id),
        )
        remove_leftovers(connection)


def confirm(connection: Connection, run_id: int, *, explanation: str | None = None) -> None:
    """Enter that a publisher found this run to be as it should be, now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET explanation = %s, confirmed_at = clock_timestamp()"
            " WHERE run_id = %s",
            (explanation, run_id),
        )


def remove_leftovers(connection: Connection) -> None:
    """Fail the runs whose publisher is gone, and drop the tables of failed runs.

    Whatever is loading while the caller holds the publish lock is nobody's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET state = 'failed', explanation = 'its publisher was stopped'"
            " WHERE state = 'loading' RETURNING run_id"
        )
        for (run_id,) in cursor.fetchall():
            logger.warning("run %s was left half-loaded by a publisher that was stopped", run_id)
        cursor.execute(
            "SELECT run_id FROM recs_data.runs WHERE state = 'failed'"
            " AND to_regclass('recs_data.lists_' || run_id) IS NOT NULL"
        )
        for (run_id,) in cursor.fetchall():
            if not _drop(connection, run_id):
                logger.warning("tables of run %s are in use: the next publish drops them", run_id)


def retire(connection: Connection, *, retain: int) -> None:
    """Drop the tables of all loaded runs but the active one and the latest others, `retain` in all.

    A reader in the middle of a long query keeps a run's tables until the next publish. The first
    run that cannot be dropped is the last one tried: the others would wait for the same reader.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id FROM recs_data.runs WHERE state IN ('ready', 'superseded')"
            " ORDER BY run_id DESC OFFSET %s",
            (retain - 1,),
        )
        unwanted = [run_id for (run_id,) in cursor.fetchall()]
    for run_id in unwanted:
        # New readers queue behind a DETACH that waits for its lock: none waits for a long reader.
        if not (await_readers(connection, timeout_s=PATIENCE_S) and _drop(connection, run_id)):
            logger.warning("run %s is still being read: the next publish drops it", run_id)
            break


def await_readers(connection: Connection, *, timeout_s: float) -> bool:
    """Wait until the transactions that read the lists now have ended; return whether they have."""
    readers = (
        "SELECT virtualtransaction FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND relation = 'recs_data.lists'::regclass"
        " AND mode = 'AccessShareLock' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + timeout_s
    with connection.cursor() as cursor:
        cursor.execute(readers)
        waiting = set(cursor.fetchall())
        while waiting and time.monotonic() < deadline:
            time.sleep(0.01)
            cursor.execute(readers)
            waiting &= set(cursor.fetchall())
    return not waiting


def _drop(connection: Connection, run_id: int) -> bool:
    """Drop a run's tables; return whether no reader was in the way."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT recs_data.drop_run_tables(%s)", (run_id,))
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            return False
    return True
