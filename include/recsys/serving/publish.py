"""Publish a run: load beside the active one, audit, then switch in one short transaction.

The protocol and its reasons are in docs/adr/0010-publish-beside-the-active-run.md.
"""

import time
from dataclasses import dataclass, replace

from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from recsys.config import PublishConfig
from recsys.log import fields, get_logger
from recsys.serving import runs, tables
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
    #: How long the transaction took that showed it; None where there was none.
    switch_ms: float | None = None
    #: From connecting until it was clear what readers see; old runs are dropped after that.
    seconds: float = 0.0


def publish(
    url: str, snapshot: Snapshot, run: Run, settings: PublishConfig, *, force: bool = False
) -> Outcome:
    """Load a run, audit it, and make it active unless it is older than the active one.

    A run that is loaded already is not loaded again, unless `force` asks for it.

    Raises:
        DataError: the audit found faults; all are named and the active run stays.
        DatabaseError: another publisher is at work, or Postgres broke off; the active run stays.
        ConfigError: the database lacks the schema, or the role may not publish.
    """
    started = time.monotonic()
    with session(url, name="recsys publish", wait_s=settings.connect_wait_s) as connection:
        require_current(connection)
        _take_lock(connection, settings)
        runs.remove_leftovers(connection)
        run_id = None if force else runs.loaded_run(connection, run.fingerprint)
        is_new = run_id is None
        if run_id is None:
            run_id = _load(connection, snapshot, run, settings)
        outcome = _switch(connection, run_id, run, settings, is_new=is_new)
        outcome = replace(outcome, seconds=round(time.monotonic() - started, 2))
        runs.retire(connection, retain=settings.retain_runs)
        return outcome


def _take_lock(connection: Connection, settings: PublishConfig) -> None:
    with connection.cursor() as cursor:
        # A publisher that was killed must not hold its lock until its index is built.
        cursor.execute("SET client_connection_check_interval = '2s'")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        timeout = f"{settings.lock_timeout_ms}ms"
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (timeout,))
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (PUBLISH_LOCK,))
        except errors.LockNotAvailable as error:
            raise DatabaseError(
                "another publisher is at work on this database: wait until it is done"
            ) from error


def _load(connection: Connection, snapshot: Snapshot, run: Run, settings: PublishConfig) -> int:
    run_id = runs.start(connection, run, settings)
    started = time.monotonic()
    try:
        with transaction(connection) as cursor:
            filled = tables.fill(cursor, run_id, snapshot, run)
        runs.finish(connection, run_id, filled)
    except Exception as error:
        runs.fail(connection, run_id, error)
        raise
    rows = filled.customers * run.k
    seconds = round(time.monotonic() - started, 1)
    logger.info("loaded %s", fields(run=run_id, recommendations=rows, seconds=seconds))
    return run_id


def _switch(
    connection: Connection, run_id: int, run: Run, settings: PublishConfig, *, is_new: bool
) -> Outcome:
    active = runs.active_run(connection)
    if active is not None and active.run_id == run_id:
        runs.confirm(connection, run_id)
        return Outcome(run_id, active=True, changed=False)
    if active is not None and _keeps_its_place(active, run, settings):
        explanation = (
            f"kept aside: run {active.run_id} of {active.run_date} is active, and an older run date"
            " never becomes active by itself (publish.activate=always, or recs.activate, makes it)"
        )
        logger.warning("run %s is %s", run_id, explanation)
        runs.confirm(connection, run_id, explanation=explanation)
        return Outcome(run_id, active=False, changed=is_new, explanation=explanation)
    # A query planned before the run's tables were attached knows nothing of them; if it looked up
    # the active run after the switch, it would find no rows. Planning takes milliseconds, so a
    # transaction that is still there after a second is past it.
    runs.await_readers(connection, timeout_s=REPLAN_TIMEOUT_S)
    started = time.monotonic()
    with transaction(connection) as cursor:
        # Readers see it at once, however busy the disk is. The commit of `confirm`, below, waits
        # until both are written; after a crash between, the old run is active.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute("SELECT recs.activate(%s)", (run_id,))
    milliseconds = round((time.monotonic() - started) * 1000, 1)
    logger.info("switched %s", fields(run=run_id, run_date=run.run_date, ms=milliseconds))
    runs.confirm(connection, run_id)
    return Outcome(run_id, active=True, changed=True, switch_ms=milliseconds)


def _keeps_its_place(active: runs.ActiveRun, run: Run, settings: PublishConfig) -> bool:
    # The dates of two data folders say nothing about each other.
    same_source = active.source == run.source
    return settings.activate == "newer" and same_source and active.run_date > run.run_date
