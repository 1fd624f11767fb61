"""The schema on a real server: applied twice, half-applied, changed; and who may do what."""

import psycopg2
import pytest

from recsys.errors import ConfigError
from recsys.serving.migrate import FOLDER, apply, migrate, migrations, require_current
from recsys.serving.postgres import session, transaction

pytestmark = pytest.mark.postgres

VERSIONS = [
    "0001_roles_and_schemas",
    "0002_tables",
    "0003_publishing",
    "0004_interface",
    "0005_quicker_attach",
    "0006_policies",
    "0007_causes",
    "0008_quicker_analyze",
    "0009_ids_in_lists",
    "0010_statistics_of_all_runs",
    "0011_names_in_an_index",
]

#: What the public interface is; these names stay.
INTERFACE = [
    "articles", "customers", "freshness", "model_versions", "new_articles", "policies",
    "popular_articles", "recommendations", "runs", "similar_articles",
]  # fmt: skip


def test_the_schema_is_applied_once_and_recorded(postgres_url, query):
    assert query("SELECT version, length(sha256) FROM recs.schema_migrations ORDER BY 1") == [
        (version, 64) for version in VERSIONS
    ]
    assert migrate(postgres_url) == []


def test_a_new_database_gets_every_file_and_each_may_run_again(postgres_url):
    assert migrate(postgres_url) == VERSIONS
    with session(postgres_url) as connection:
        before = _definitions(connection)
        with transaction(connection) as cursor:
            for migration in migrations():
                apply(cursor, migration)
        assert _definitions(connection) == before
        require_current(connection)


def _definitions(connection):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname, c.relkind, c.relacl::text, pg_get_viewdef(c.oid)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname LIKE 'recs%' AND c.relkind IN ('v', 'r', 'p', 'S') ORDER BY 1, 2"
        )
        classes = cursor.fetchall()
        cursor.execute(
            "SELECT p.oid::regprocedure::text, p.proacl::text, p.prosecdef, p.proconfig, p.prosrc"
            " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname LIKE 'recs%' ORDER BY 1"
        )
        return classes, cursor.fetchall()


def test_a_changed_file_is_refused(postgres_url, tmp_path):
    for migration in migrations():
        (tmp_path / f"{migration.version}.sql").write_text(migration.sql)
    migrate(postgres_url, tmp_path)
    (tmp_path / "0002_tables.sql").write_text("SELECT 1")
    with pytest.raises(ConfigError, match=r"^0002_tables changed after it was applied"):
        migrate(postgres_url, tmp_path)


def test_a_run_of_before_the_ids_is_read_as_it_was(postgres_url, tmp_path):
    for migration in migrations()[:8]:
        (tmp_path / f"{migration.version}.sql").write_text(migration.sql)
    migrate(postgres_url, tmp_path)
    with session(postgres_url) as connection, transaction(connection) as cursor:
        cursor.execute("""
            INSERT INTO recs_data.runs (run_date, source, model_version, policy, policy_days, k,
                reasons, fingerprint, inputs, notes, late_after_hours)
            VALUES ('2020-09-22', 'shop', 'm', 'all', 0, 2, '{liked}', '', '{}', '{}', 36);
            SELECT recs_data.create_run_tables(1);
            INSERT INTO recs_data.articles_1 (article_key, article_id, is_on_sale, similar_keys,
                similar_scores)
            VALUES (2, '0108775015', true, '{}', '{}'), (3, '0959461001', true, '{}', '{}');
            INSERT INTO recs_data.lists_1 (customer_id, age_band, article_keys, scores, reasons)
            VALUES ('a', 'all', '{3,2}', '{0.5,0.25}', '{1,1}');
            SELECT recs_data.attach_run_tables(1);
            UPDATE recs_data.runs SET state = 'ready';
            SELECT recs.activate(1)
        """)
    rows = "SELECT customer_id, rank, article_id, score, reason FROM recs.recommendations"
    found = []
    for folder in (tmp_path, FOLDER):
        migrate(postgres_url, folder)
        with session(postgres_url) as connection, connection.cursor() as cursor:
            cursor.execute(rows + " ORDER BY rank")
            found.append(cursor.fetchall())
    assert found[0] == found[1]
    assert found[1] == [("a", 1, "0959461001", 0.5, "liked"), ("a", 2, "0108775015", 0.25, "liked")]


def test_a_file_that_fails_leaves_nothing(postgres_url, tmp_path):
    for migration in migrations():
        (tmp_path / f"{migration.version}.sql").write_text(migration.sql)
    (tmp_path / "9999_broken.sql").write_text("SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        migrate(postgres_url, tmp_path)
    with session(postgres_url) as connection, pytest.raises(ConfigError, match="lacks 0001_roles"):
        require_current(connection)


def test_a_role_without_superuser_can_migrate(postgres, postgres_url, query):
    name = postgres_url.rsplit("/", 1)[-1]
    query(f"CREATE ROLE admin_{name} LOGIN CREATEROLE PASSWORD 'x'", role="postgres")
    # The three roles exist already: whoever made them must let the new administrator in.
    query(
        f"GRANT recs_owner, recs_loader, recs_reader TO admin_{name} WITH ADMIN TRUE",
        role="postgres",
    )
    query(f"GRANT CREATE ON DATABASE {name} TO admin_{name}", role="postgres")
    query("DROP SCHEMA recs, recs_data CASCADE", role="postgres")
    url = f"postgresql://admin_{name}:x@{postgres_url.split('@')[1]}"
    assert migrate(url) == VERSIONS
    assert query("SELECT relname FROM pg_class c WHERE relnamespace = 'recs'::regnamespace"
                 " AND relkind = 'v' AND relowner = 'recs_owner'::regrole ORDER BY 1",
                 role="recs_owner") == [(name,) for name in INTERFACE]  # fmt: skip


def test_the_interface_is_just_this(query):
    assert query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'recs'::regnamespace AND relkind = 'v'"
        " ORDER BY 1"
    ) == [(name,) for name in INTERFACE]


def test_a_reader_reads_every_view_and_nothing_else(publish_day, query):
    publish_day()
    for name in INTERFACE:
        query(f"SELECT * FROM recs.{name}")
    for statement in (
        "SELECT * FROM recs_data.lists",
        "SELECT * FROM recs_data.lists_1",
        "INSERT INTO recs.runs (state) VALUES ('active')",
        "UPDATE recs.freshness SET run_date = now()",
        "DELETE FROM recs.recommendations",
        "SELECT recs.rollback()",
        "SELECT recs.activate(1)",
        "SELECT recs.promote('x')",
        "SELECT recs_data.drop_run_tables(1)",
        "CREATE TABLE recs.mine (x int)",
        "DROP VIEW recs.recommendations",
    ):
        _is_refused(query, statement, role="recs_reader")


def test_a_loader_publishes_and_drops_nothing(publish_day, query):
    publish_day()
    for name in INTERFACE:
        query(f"SELECT * FROM recs.{name}", role="recs_loader")
    for statement in (
        "DROP TABLE recs_data.lists_1",
        "DROP TABLE recs_data.runs",
        "DROP SCHEMA recs CASCADE",
        "DROP VIEW recs.recommendations",
        "DELETE FROM recs_data.runs",
        "TRUNCATE recs_data.model_versions",
        "TRUNCATE recs_data.lists",
        "INSERT INTO recs_data.lists_1 VALUES (1, 'x', 'all', '{}', '{}', '{}')",
        "ALTER TABLE recs_data.lists DETACH PARTITION recs_data.lists_1",
        "CREATE TABLE recs_data.mine (x int)",
        "SET ROLE recs_owner",
        "INSERT INTO recs.schema_migrations VALUES ('9999', 'x')",
    ):
        _is_refused(query, statement, role="recs_loader")
    with pytest.raises(psycopg2.Error, match="run 1 is active, so its tables stay"):
        query("SELECT recs_data.drop_run_tables(1)", role="recs_loader")


def test_functions_that_act_as_owner_pin_their_search_path(query):
    found = query(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef"
        " AND pronamespace IN ('recs'::regnamespace, 'recs_data'::regnamespace) ORDER BY 1",
        role="recs_owner",
    )
    path = "search_path=pg_catalog, pg_temp"
    assert found == [
        ("attach_run_tables", [path, "default_statistics_target=10"]),
        ("create_run_tables", [path]),
        ("drop_run_tables", [path, "lock_timeout=50ms"]),
    ]


def _is_refused(query, statement, *, role):
    # As someone who logs in: SET ROLE from a superuser could always go back.
    with pytest.raises(psycopg2.Error) as raised:
        query(f"SET SESSION AUTHORIZATION {role}; {statement}", role="postgres")
    assert isinstance(
        raised.value,
        (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ObjectNotInPrerequisiteState),
    ), statement
