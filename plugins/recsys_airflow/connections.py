"""Airflow connections as the jobs want them."""

import os
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

SERVING_CONNECTION = "recs_loader"
DATABASE_URL = "RECSYS_DATABASE_URL"


def get_connection(conn_id: str, *, purpose: str) -> Connection:
    """Return a connection.

    Raises:
        AirflowFailException: there is none; trying again cannot help.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise AirflowFailException(
            f"there is no connection {conn_id!r}, which {purpose}:"
            f" add it under Admin, Connections, or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from error


def serving_environment() -> dict[str, str]:
    """Return the environment variable that tells a job where the serving database is.

    It comes from the connection `recs_loader`; where there is none, an address that is already in
    the worker's environment is left to stand. A password never appears in a command line.
    """
    try:
        connection = get_connection(SERVING_CONNECTION, purpose="leads to the serving database")
    except AirflowFailException:
        if os.environ.get(DATABASE_URL):
            return {}
        raise
    return {DATABASE_URL: database_url(connection)}


def database_url(connection: Connection) -> str:
    """Return a connection as a libpq address, every part percent-encoded.

    >>> database_url(Connection(conn_type="postgres", host="db", login="a", password="p@/"))
    'postgresql://a:p%40%2F@db'
    """
    user = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    host = quote(connection.host or "", safe=":[]")
    port = f":{connection.port}" if connection.port else ""
    database = f"/{quote(connection.schema, safe='')}" if connection.schema else ""
    options = {k: v for k, v in connection.extra_dejson.items() if isinstance(v, str | int)}
    query = f"?{urlencode(options, quote_via=quote)}" if options else ""
    at = "@" if user or password else ""
    return f"postgresql://{user}{password}{at}{host}{port}{database}{query}"
