-- Three roles and two schemas. Runs as the administrator who migrates: a superuser, or a role that may
-- create roles and has CREATE on the database. Everything after this file belongs to recs_owner.
--   recs_owner   owns every object; the only role that can alter or drop one
--   recs_loader  publishes and promotes
--   recs_reader  reads the public interface
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['recs_owner', 'recs_loader', 'recs_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was faster
            END;
        END IF;
    END LOOP;
    -- What the loader published it may also read, as a reader does.
    IF NOT pg_has_role('recs_loader', 'recs_reader', 'MEMBER') THEN
        GRANT recs_reader TO recs_loader;
    END IF;
    -- A role that creates another may administer it, but not act as it, before it is a member.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT recs_owner TO %I', current_user);
    END IF;
END
$$;

-- recs is the public interface: views and functions. recs_data holds the tables behind them.
CREATE SCHEMA IF NOT EXISTS recs AUTHORIZATION recs_owner;
CREATE SCHEMA IF NOT EXISTS recs_data AUTHORIZATION recs_owner;

SET LOCAL ROLE recs_owner;

GRANT USAGE ON SCHEMA recs TO recs_loader, recs_reader;
GRANT USAGE ON SCHEMA recs_data TO recs_loader;

CREATE TABLE IF NOT EXISTS recs.schema_migrations (
    version    text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON recs.schema_migrations TO recs_loader, recs_reader;
