"""Databases, roles and objects: `airflow` for Airflow itself, `recs` for the recommendations."""

import os
import subprocess
import sys
from collections.abc import Mapping

import psycopg2
from psycopg2 import sql

from recsys.config import REPOSITORY
from recsys.errors import ConfigError

RECS = "recs"
AIRFLOW = "airflow"


def create_databases(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Make both databases and the login roles, or set the passwords of those that are there.

    Args:
        superuser_url: of any database of the server.
        passwords: of the roles airflow, recs_owner, recs_loader and recs_reader.
    """
    connection = psycopg2.connect(superuser_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for role, password in passwords.items():
                cursor.execute("select 1 from pg_roles where rolname = %s", [role])
                verb = sql.SQL("alter" if cursor.fetchone() else "create")
                cursor.execute(
                    sql.SQL("{} role {} login password {}").format(
                        verb, sql.Identifier(role), sql.Literal(password)
                    )
                )
            for database, owner in ((AIRFLOW, "airflow"), (RECS, "recs_owner")):
                _create_database(cursor, database, owner)
    finally:
        connection.close()


def _create_database(cursor: "psycopg2.extensions.cursor", database: str, owner: str) -> None:
    cursor.execute("select 1 from pg_database where datname = %s", [database])
    if cursor.fetchone() is None:
        cursor.execute(
            sql.SQL("create database {} owner {}").format(
                sql.Identifier(database), sql.Identifier(owner)
            )
        )
    if database == AIRFLOW:
        cursor.execute("revoke connect on database airflow from public")


def migrate_recs(url: str) -> None:
    """Bring the objects of schema `recs` to the version of this checkout.

    Raises:
        ConfigError: the database cannot be reached or refuses; with its reason.
    """
    python_path = f"{REPOSITORY / 'include'}"
    done = subprocess.run(
        [sys.executable, "-m", "recsys.serving", "migrate"],
        env=os.environ | {"RECSYS_DATABASE_URL": url, "PYTHONPATH": python_path},
        capture_output=True, text=True, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise ConfigError(f"the recommendations' database could not be prepared: {reason}")
