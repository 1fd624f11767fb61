"""Connections to the serving database, with errors that a person can act on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from recsys.errors import ConfigError, RecsysError
from recsys.log import get_logger

logger = get_logger("serving.postgres")

DATABASE_URL = "RECSYS_DATABASE_URL"


class DatabaseError(RecsysError):
    """The database refused or broke off: another try may help."""


class ServerAwayError(DatabaseError):
    """Nothing answers there, or it is not ready: it may come back."""


def database_url() -> str:
    """Return the serving database's URL from the environment.

    Raises:
        ConfigError: the variable is not set.
    """
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise ConfigError(
            f"{DATABASE_URL} is not set: expected postgresql://user:password@host:port/database"
        )
    return url


@contextmanager
def session(url: str, *, name: str = "recsys", wait_s: float = 0) -> Iterator[Connection]:
    """Yield a connection in autocommit mode, named for pg_stat_activity, and close it.

    A server that is away, or is starting, is tried again for `wait_s` seconds.

    Raises:
        ConfigError: the URL is not one, the schema is missing, or the role may not do this.
        DatabaseError: nothing answers there, or anything else that Postgres said: worth a retry.
    """
    connection = _connect_within(url, name, wait_s)
    try:
        yield connection
    except psycopg2.Error as error:
        raise explain(error) from error
    finally:
        connection.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """Yield a cursor in a transaction: committed at the end of the block, or rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield cursor
        except BaseException:
            with suppress(psycopg2.Error):
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


def explain(error: psycopg2.Error) -> RecsysError:
    """Return a database error as one sentence, and whether another try could help."""
    said = " ".join(str(error.diag.message_primary or error).split())
    if isinstance(error, errors.RaiseException):
        return ConfigError(said)
    if isinstance(error, errors.InsufficientPrivilege):
        return ConfigError(f"{said}: {DATABASE_URL} must name recs_loader, or its better")
    if isinstance(
        error, (errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName)
    ):
        return ConfigError(f"{said}: apply the schema with `python -m recsys.serving migrate`")
    if isinstance(error, errors.LockNotAvailable):
        return DatabaseError(f"Postgres: {said}: another session holds a lock, try again")
    return DatabaseError(f"Postgres: {said}")


def _connect_within(url: str, name: str, wait_s: float) -> Connection:
    deadline, pause_s = time.monotonic() + wait_s, 0.25
    while True:
        try:
            return _connect(url, name)
        except ServerAwayError as error:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise
            logger.warning("%s; trying again for %.0f s", error, left_s)
            time.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, 5)


def _connect(url: str, name: str) -> Connection:
    try:
        connection = psycopg2.connect(url, application_name=name, connect_timeout=10)
    except psycopg2.ProgrammingError as error:
        raise ConfigError(
            f"{DATABASE_URL} is not a database URL:"
            " expected postgresql://user:password@host:port/database"
        ) from error
    except psycopg2.OperationalError as error:
        # Whoever answers with a refusal of its own, such as of a password, will do so again.
        is_away = "FATAL:" not in str(error) or "the database system is" in str(error)
        raise (ServerAwayError if is_away else DatabaseError)(
            f"cannot connect to Postgres ({_first_line(error)}): is the server up, and"
            f" {DATABASE_URL} right?"
        ) from error
    connection.autocommit = True
    return connection


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
