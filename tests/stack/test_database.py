import psycopg2
import pytest

from stack.database import create_databases, migrate_recs
from stack.postgres import Postgres

pytestmark = pytest.mark.postgres

PASSWORDS = {"airflow": "a", "recs_owner": "o", "recs_loader": "l", "recs_reader": "r"}


def login(server: Postgres, role: str, password: str, database: str) -> str:
    address = f"postgresql://{role}:{password}@127.0.0.1:{server.port}/{database}"
    connection = psycopg2.connect(address)
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        (user,) = cursor.fetchone() or ("",)
    connection.close()
    return str(user)


def test_each_role_logs_in_where_it_belongs(server: Postgres) -> None:
    create_databases(server.url(), PASSWORDS)
    assert login(server, "airflow", "a", "airflow") == "airflow"
    assert login(server, "recs_reader", "r", "recs") == "recs_reader"
    assert login(server, "recs_loader", "l", "recs") == "recs_loader"
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        login(server, "recs_reader", "r", "airflow")


def test_again_changes_nothing_but_the_passwords(server: Postgres) -> None:
    create_databases(server.url(), PASSWORDS)
    create_databases(server.url(), PASSWORDS | {"recs_reader": "it's new"})
    assert login(server, "recs_reader", "it%27s new", "recs") == "recs_reader"
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        login(server, "recs_reader", "r", "recs")


def test_the_public_objects_are_there_after_migrating_twice(server: Postgres) -> None:
    create_databases(server.url(), PASSWORDS)
    migrate_recs(server.url("recs"))
    migrate_recs(server.url("recs"))
    connection = psycopg2.connect(server.url("recs"))
    with connection.cursor() as cursor:
        cursor.execute(
            "select viewname, viewowner from pg_views where schemaname = 'recs' order by 1"
        )
        views = dict(cursor.fetchall())
    connection.close()
    public = {"recommendations", "similar_articles", "popular_articles", "runs", "freshness"}
    assert public <= views.keys()
    assert set(views.values()) == {"recs_owner"}
