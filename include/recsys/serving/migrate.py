"""Bring the database's schema up to date: versioned SQL files, each applied once and recorded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from recsys.errors import ConfigError
from recsys.serving.postgres import session, transaction

FOLDER = Path(__file__).parent / "sql"

#: Two migrations of one database wait for each other on this advisory lock.
MIGRATION_LOCK = 7_264_001


@dataclass(frozen=True)
class Migration:
    """One SQL file; its version is its name. Running it twice changes nothing."""

    version: str
    sql: str

    @property
    def sha256(self) -> str:
        """The sha256 of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the SQL files in the order of their numbers."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in files]


def migrate(url: str, folder: Path = FOLDER) -> list[str]:
    """Apply what the database has not had, in one transaction, and return those versions.

    Raises:
        ConfigError: a file was changed after it was applied, or the role may not create roles.
    """
    with session(url, name="recsys migrate") as connection, transaction(connection) as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        applied = _applied(cursor)
        files = migrations(folder)
        _refuse_changed(files, applied)
        missing = [m for m in files if m.version not in applied]
        for migration in missing:
            apply(cursor, migration)
    return [m.version for m in missing]


def apply(cursor: Cursor, migration: Migration) -> None:
    """Run one file, whether or not it ran before, and record it."""
    cursor.execute(migration.sql)
    cursor.execute("RESET ROLE")
    cursor.execute("SET LOCAL ROLE recs_owner")
    cursor.execute(
        "INSERT INTO recs.schema_migrations (version, sha256) VALUES (%s, %s)"
        " ON CONFLICT (version) DO UPDATE SET sha256 = excluded.sha256",
        (migration.version, migration.sha256),
    )
    cursor.execute("RESET ROLE")


def require_current(connection: Connection, folder: Path = FOLDER) -> None:
    """Raise ConfigError unless the database has had every file, as it is now."""
    with connection.cursor() as cursor:
        applied = _applied(cursor)
    files = migrations(folder)
    _refuse_changed(files, applied)
    missing = [m.version for m in files if m.version not in applied]
    if missing:
        raise ConfigError(
            f"the database lacks {', '.join(missing)}: run `python -m recsys.serving migrate`"
            " as a role that may create roles"
        )


def _applied(cursor: Cursor) -> dict[str, str]:
    cursor.execute("SELECT to_regclass('recs.schema_migrations') IS NOT NULL")
    if cursor.fetchone() != (True,):
        return {}
    cursor.execute("SELECT version, sha256 FROM recs.schema_migrations")
    return dict(cursor.fetchall())


def _refuse_changed(files: list[Migration], applied: dict[str, str]) -> None:
    changed = [m.version for m in files if applied.get(m.version, m.sha256) != m.sha256]
    if changed:
        raise ConfigError(
            f"{', '.join(changed)} changed after it was applied to this database:"
            " put the change into a new file"
        )
