"""Publish a run: load beside the active one, audit, then switch in one short transaction.

The protocol and its reasons are in docs/adr/0010-publish-by-partition-and-pointer.md.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from recsys.config import PublishConfig
from recsys.errors import DataError
from recsys.log import fields, get_logger
from recsys.serving import tables
from recsys.serving.audit import audit
from recsys.serving.migrate import require_current
from recsys.serving.postgres import DatabaseError, session, transaction
from recsys.serving.snapshot import Run, Snapshot

logger = get_logger("serving.publish")

#: Held by the one session that publishes; Postgres frees it when that session ends.
PUBLISH_LOCK = 7_264_002

#: How long the switch waits for queries that were planned before the run's tables existed.
REPLAN_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of a publication."""

    run_id: int
    #: Whether readers see this run now.
    active: bool
    #: Whether anything changed: False when this very run was there already.
    changed: bool
    explanation: str | None = None


def publish(url: str, snapshot: Snapshot, run: Run, settings: PublishConfig) -> Outcome:
    """Load a run, audit it, and make it active unless it is older than the active one.

    Raises:
        DataError: the audit found faults; all are named and the active run stays.
        DatabaseError: another publisher is at work, or Postgres broke off; the active run stays.
        ConfigError: the database lacks the schema, or the role may not publish.
    """
    with session(url, name="recsys publish") as connection:
        require_current(connection)
        _prepare(connection, settings)
        remove_leftovers(connection)
        run_id = _loaded_run(connection, run.fingerprint)
        is_new = run_id is None
        if run_id is None:
            run_id = _load(connection, snapshot, run, settings)
        outcome = _switch(connection, run_id, run, settings, is_new=is_new)
        retire_old_runs(connection, settings.retain_runs)
        return outcome


def _prepare(connection: Connection, settings: PublishConfig) -> None:
    with connection.cursor() as cursor:
        # A publisher that was killed must not hold its lock until its index is built.
        cursor.execute("SET client_connection_check_interval = '2s'")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (_ms(settings),))
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (PUBLISH_LOCK,))
        except errors.LockNotAvailable as error:
            raise DatabaseError(
                "another publisher is at work on this database: wait until it is done"
            ) from error


def _ms(settings: PublishConfig) -> str:
    return f"{settings.lock_timeout_ms}ms"


def remove_leftovers(connection: Connection) -> None:
    """Fail the runs whose publisher is gone and drop the tables of failed runs.

    Only the holder of the publish lock may call this: whatever is loading is then nobody's.
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
            _drop(connection, run_id)


def retire_old_runs(connection: Connection, retain: int) -> None:
    """Drop the tables of all loaded runs but the active one and the latest others, `retain` in all.

    A reader in the middle of a long query keeps a run's tables until the next publish.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id FROM recs_data.runs WHERE state IN ('ready', 'superseded')"
            " ORDER BY run_id DESC OFFSET %s",
            (retain - 1,),
        )
        for (run_id,) in cursor.fetchall():
            _drop(connection, run_id)


def _drop(connection: Connection, run_id: int) -> None:
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT recs_data.drop_run_tables(%s)", (run_id,))
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            logger.warning("run %s is still being read: the next publish drops it", run_id)


def _loaded_run(connection: Connection, fingerprint: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id FROM recs_data.runs WHERE fingerprint = %s"
            " AND state IN ('active', 'ready', 'superseded')"
            " ORDER BY state = 'active' DESC, run_id DESC LIMIT 1",
            (fingerprint,),
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _load(connection: Connection, snapshot: Snapshot, run: Run, settings: PublishConfig) -> int:
    run_id = _start(connection, run, settings)
    started = time.monotonic()
    try:
        reasons = audit(snapshot, run)
        with transaction(connection) as cursor:
            checksum = tables.fill(cursor, run_id, snapshot, k=run.k, reasons=reasons)
        _finish(connection, run_id, snapshot, run, reasons=reasons, checksum=checksum)
    except Exception as error:
        _fail(connection, run_id, error)
        raise
    rows = snapshot.customers.num_rows * run.k
    seconds = round(time.monotonic() - started, 1)
    logger.info("loaded %s", fields(run=run_id, recommendations=rows, seconds=seconds))
    return run_id


def _start(connection: Connection, run: Run, settings: PublishConfig) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO recs_data.runs (run_date, source, model_version, policy, policy_days, k,"
            " fingerprint, inputs, late_after_hours) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING run_id",
            (run.run_date, run.source, run.model_version, run.policy, run.policy_days, run.k,
             run.fingerprint, json.dumps(run.inputs), settings.late_after_hours),
        )  # fmt: skip
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def _finish(
    connection: Connection,
    run_id: int,
    snapshot: Snapshot,
    run: Run,
    *,
    reasons: list[str],
    checksum: str,
) -> None:
    """Read the loaded tables back, and call the run ready if everything arrived."""
    expected = (snapshot.customers.num_rows, snapshot.articles.num_rows)
    with connection.cursor() as cursor:
        query = sql.SQL(
            "SELECT (SELECT count(*) FROM {lists} WHERE cardinality(article_keys) = %(k)s"
            " AND cardinality(scores) = %(k)s AND cardinality(reasons) = %(k)s),"
            " (SELECT count(*) FROM {articles})"
        ).format(lists=_table("lists", run_id), articles=_table("articles", run_id))
        cursor.execute(query, {"k": run.k})
        found = cursor.fetchone()
        if found != expected:
            raise DataError(f"run {run_id} holds {found} lists and articles, not {expected}")
        cursor.execute(
            "UPDATE recs_data.runs SET state = 'ready', customers = %s, articles = %s,"
            " reasons = %s, checksum = %s, published_at = clock_timestamp() WHERE run_id = %s",
            (*expected, reasons, checksum, run_id),
        )


def _table(name: str, run_id: int) -> sql.Identifier:
    return sql.Identifier("recs_data", f"{name}_{run_id}")


def _fail(connection: Connection, run_id: int, error: Exception) -> None:
    # If the connection is gone too, the next publish does this.
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET state = 'failed', explanation = %s WHERE run_id = %s",
            (" ".join(str(error).split()), run_id),
        )
        remove_leftovers(connection)


def _switch(
    connection: Connection, run_id: int, run: Run, settings: PublishConfig, *, is_new: bool
) -> Outcome:
    active = _active_run(connection)
    if active is not None and active[0] == run_id:
        _set(connection, run_id, explanation=None)
        return Outcome(run_id, active=True, changed=False)
    if settings.activate == "newer" and active is not None and _is_newer(active, run):
        explanation = (
            f"kept aside: run {active[0]} of {active[1]} is active, and an older run date never"
            " becomes active by itself (publish.activate=always, or recs.activate)"
        )
        logger.warning("run %s is %s", run_id, explanation)
        _set(connection, run_id, explanation=explanation)
        return Outcome(run_id, active=False, changed=is_new, explanation=explanation)
    let_readers_replan(connection)
    started = time.monotonic()
    with transaction(connection) as cursor:
        cursor.execute("SELECT recs.activate(%s)", (run_id,))
    milliseconds = round((time.monotonic() - started) * 1000, 1)
    logger.info("switched %s", fields(run=run_id, run_date=run.run_date, ms=milliseconds))
    _set(connection, run_id, explanation=None)
    return Outcome(run_id, active=True, changed=True)


def _active_run(connection: Connection) -> tuple[int, str, str] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT run_id, run_date::text, source FROM recs_data.active_run")
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _is_newer(active: tuple[int, str, str], run: Run) -> bool:
    # Dates of two data folders say nothing about each other.
    return active[2] == run.source and active[1] > run.run_date


def _set(connection: Connection, run_id: int, *, explanation: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_data.runs SET explanation = %s, confirmed_at = clock_timestamp()"
            " WHERE run_id = %s",
            (explanation, run_id),
        )


def let_readers_replan(connection: Connection, *, timeout_s: float = REPLAN_TIMEOUT_S) -> None:
    """Wait, a second at most, until the transactions that read the lists now have ended.

    A query planned before the run's tables were attached knows nothing of them; if it looked up
    the active run after the switch, it would find no rows. Planning takes milliseconds, so a
    transaction that is still there after a second is past it.
    """
    readers = (
        "SELECT virtualtransaction FROM pg_locks WHERE relation = 'recs_data.lists'::regclass"
        " AND mode = 'AccessShareLock' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + timeout_s
    with connection.cursor() as cursor:
        cursor.execute(readers)
        waiting = {row[0] for row in cursor.fetchall()}
        while waiting and time.monotonic() < deadline:
            time.sleep(0.01)
            cursor.execute(readers)
            waiting &= {row[0] for row in cursor.fetchall()}
