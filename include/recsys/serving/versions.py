"""The ledger of model versions: one champion for each source, and why the others are not."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from psycopg2.extensions import cursor as Cursor

from recsys.serving.migrate import require_current
from recsys.serving.postgres import session, transaction

State = Literal["candidate", "champion", "refused", "retired"]


@dataclass(frozen=True)
class ModelVersion:
    """One version of one source's model, with what is known of it."""

    source: str
    version: str
    #: The evaluation's report.
    metrics: dict[str, Any]
    #: Input name -> fingerprint.
    data: dict[str, str]
    manifest_sha256: str
    #: An ISO 8601 moment.
    trained_at: str
    state: State = "candidate"
    reason: str | None = None


COLUMNS = "source, version, metrics, data, manifest_sha256, trained_at::text, state, reason"


def champion(url: str, source: str) -> str | None:
    """Return the version that serves a source, or None before the first promotion.

    Raises:
        ConfigError: the database lacks the schema, or the role may not read it.
        DatabaseError: the database does not answer.
    """
    with session(url) as connection:
        require_current(connection)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT version FROM recs.model_versions WHERE source = %s AND state = 'champion'",
                (source,),
            )
            row = cursor.fetchone()
    return None if row is None else str(row[0])


def find(url: str, source: str, version: str | None = None) -> ModelVersion | None:
    """Return a version, by default the champion, or None where it is not registered."""
    condition = "state = 'champion'" if version is None else "version = %s"
    values = (source,) if version is None else (source, version)
    with session(url) as connection:
        require_current(connection)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {COLUMNS} FROM recs.model_versions WHERE source = %s AND {condition}",
                values,
            )
            row = cursor.fetchone()
    return None if row is None else ModelVersion(*row)


def register(url: str, model: ModelVersion) -> None:
    """Record a version as a candidate; one that is there already gets the newer metrics."""
    with session(url) as connection:
        require_current(connection)
        with transaction(connection) as cursor:
            cursor.execute(
                "INSERT INTO recs_data.model_versions AS known"
                " (source, version, metrics, data, manifest_sha256, trained_at)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (source, version) DO UPDATE SET"
                " metrics = excluded.metrics, data = excluded.data,"
                " manifest_sha256 = excluded.manifest_sha256, trained_at = excluded.trained_at",
                (model.source, model.version, _json(model.metrics), _json(model.data),
                 model.manifest_sha256, model.trained_at),
            )  # fmt: skip


def decide(url: str, source: str, version: str, *, promoted: bool, reason: str) -> None:
    """Make a registered version the source's champion, or refuse it; either says why.

    A champion is never refused here: it stays until another takes its place.
    """
    with session(url) as connection, transaction(connection) as cursor:
        if promoted:
            cursor.execute("SELECT recs.promote(%s, %s, %s)", (version, source, reason))
        else:
            _refuse(cursor, source, version, reason)


def promote(url: str, version: str) -> None:
    """Make a registered version its source's champion by hand.

    Raises:
        ConfigError: no source has such a version, or more than one has.
    """
    with session(url) as connection, transaction(connection) as cursor:
        cursor.execute("SELECT recs.promote(%s)", (version,))


def _json(value: object) -> str:
    """Return JSON in which what could not be measured (NaN) is null, as Postgres wants it."""
    return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))


def _refuse(cursor: Cursor, source: str, version: str, reason: str) -> None:
    cursor.execute(
        "UPDATE recs_data.model_versions SET state = 'refused', reason = %s,"
        " decided_at = clock_timestamp()"
        " WHERE source = %s AND version = %s AND state <> 'champion'",
        (reason, source, version),
    )
