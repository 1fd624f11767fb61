-- What publishing needs beyond reading and writing rows. The three functions that make, attach and drop a
-- run's tables act as recs_owner, so that the loader owns nothing and can drop nothing but an inactive run.
SET LOCAL ROLE recs_owner;

-- Make the empty tables of a run that is loading, in the transaction that fills them (COPY FREEZE).
CREATE OR REPLACE FUNCTION recs_data.create_run_tables(loading_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    child  text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM recs_data.runs r WHERE r.run_id = loading_run AND r.state = 'loading'
    ) THEN
        RAISE EXCEPTION 'run % is not loading', loading_run;
    END IF;
    FOREACH parent IN ARRAY ARRAY['lists', 'articles', 'popular'] LOOP
        child := format('%s_%s', parent, loading_run);
        -- The check is what lets ATTACH go without reading the table.
        EXECUTE format(
            'CREATE TABLE recs_data.%I (LIKE recs_data.%I, CHECK (run_id = %s))',
            child, parent, loading_run
        );
        EXECUTE format(
            'ALTER TABLE recs_data.%I ALTER COLUMN run_id SET DEFAULT %s', child, loading_run
        );
        EXECUTE format('GRANT SELECT, INSERT ON recs_data.%I TO recs_loader', child);
    END LOOP;
END
$$;

-- Index the filled tables and attach them. No reader sees them yet: the run is not active.
CREATE OR REPLACE FUNCTION recs_data.attach_run_tables(loading_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    child  text;
    keys   text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM recs_data.runs r WHERE r.run_id = loading_run AND r.state = 'loading'
    ) THEN
        RAISE EXCEPTION 'run % is not loading', loading_run;
    END IF;
    FOREACH keys IN ARRAY ARRAY[
        'lists (customer_id)', 'articles (article_id)', 'articles (article_key)',
        'popular (age_band, rank)'
    ] LOOP
        EXECUTE format(
            'CREATE UNIQUE INDEX ON recs_data.%s', replace(keys, ' (', format('_%s (', loading_run))
        );
    END LOOP;
    FOREACH parent IN ARRAY ARRAY['lists', 'articles', 'popular'] LOOP
        child := format('%s_%s', parent, loading_run);
        EXECUTE format('REVOKE INSERT ON recs_data.%I FROM recs_loader', child);
        EXECUTE format('ANALYZE recs_data.%I', child);
        EXECUTE format(
            'ALTER TABLE recs_data.%I ATTACH PARTITION recs_data.%I FOR VALUES IN (%s)',
            parent, child, loading_run
        );
    END LOOP;
END
$$;

-- Remove the tables of a run that is not active. DETACH must wait for readers that are in the middle of a
-- query, and new readers queue behind it: it gives up after 50 ms, and the next publish tries again.
CREATE OR REPLACE FUNCTION recs_data.drop_run_tables(unwanted_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    found_state text;
    parent      text;
    child       regclass;
BEGIN
    SELECT r.state INTO found_state FROM recs_data.runs r WHERE r.run_id = unwanted_run FOR UPDATE;
    IF found_state IS NULL OR found_state = 'active' THEN
        RAISE EXCEPTION 'run % is %, so its tables stay', unwanted_run, coalesce(found_state, 'unknown');
    END IF;
    FOREACH parent IN ARRAY ARRAY['lists', 'articles', 'popular'] LOOP
        child := to_regclass(format('recs_data.%I', format('%s_%s', parent, unwanted_run)));
        CONTINUE WHEN child IS NULL;
        IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = child) THEN
            EXECUTE format('ALTER TABLE recs_data.%I DETACH PARTITION %s', parent, child);
        END IF;
        EXECUTE format('DROP TABLE %s', child);
    END LOOP;
    UPDATE recs_data.runs r SET state = 'dropped'
    WHERE r.run_id = unwanted_run AND r.state IN ('ready', 'superseded');
END
$$;

-- Make a loaded run the one that readers see, and return it.
CREATE OR REPLACE FUNCTION recs.activate(run_id integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_state text;
BEGIN
    PERFORM FROM recs_data.runs r WHERE r.state = 'active' FOR UPDATE;
    SELECT r.state INTO found_state
    FROM recs_data.runs r WHERE r.run_id = activate.run_id FOR UPDATE;
    IF found_state IS NULL THEN
        RAISE EXCEPTION 'there is no run %: see recs.runs', activate.run_id;
    ELSIF found_state = 'active' THEN
        RETURN activate.run_id;
    ELSIF found_state NOT IN ('ready', 'superseded') THEN
        RAISE EXCEPTION 'run % is %: only a run that is ready or superseded can become active',
            activate.run_id, found_state;
    END IF;
    UPDATE recs_data.runs r SET state = 'superseded' WHERE r.state = 'active';
    UPDATE recs_data.runs r SET state = 'active', activated_at = clock_timestamp()
    WHERE r.run_id = activate.run_id;
    RETURN activate.run_id;
END
$$;

-- Go back to the run of the same source that was published before the active one, and return it.
CREATE OR REPLACE FUNCTION recs.rollback() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current_run  recs_data.runs;
    previous_run integer;
BEGIN
    SELECT * INTO current_run FROM recs_data.runs r WHERE r.state = 'active' FOR UPDATE;
    SELECT max(r.run_id) INTO previous_run
    FROM recs_data.runs r
    WHERE r.state = 'superseded' AND r.source = current_run.source AND r.run_id < current_run.run_id;
    IF previous_run IS NULL THEN
        RAISE EXCEPTION 'there is no earlier run to go back to: see recs.runs';
    END IF;
    RETURN recs.activate(previous_run);
END
$$;

-- Make a registered model version its source's champion, and return it. `source` is needed only where two
-- sources have a version of one name.
CREATE OR REPLACE FUNCTION recs.promote(version text, source text DEFAULT NULL, reason text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sources text[];
BEGIN
    SELECT array_agg(m.source) INTO sources
    FROM recs_data.model_versions m
    WHERE m.version = promote.version AND m.source = coalesce(promote.source, m.source);
    IF sources IS NULL THEN
        RAISE EXCEPTION 'there is no model version %: see recs.model_versions', promote.version;
    ELSIF cardinality(sources) > 1 THEN
        RAISE EXCEPTION 'model version % exists in %: name its source', promote.version, sources;
    END IF;
    UPDATE recs_data.model_versions m SET state = 'retired'
    WHERE m.source = sources[1] AND m.state = 'champion' AND m.version <> promote.version;
    UPDATE recs_data.model_versions m
    SET state = 'champion', decided_at = clock_timestamp(),
        reason = coalesce(promote.reason, format('promoted by hand by %s', session_user))
    WHERE m.source = sources[1] AND m.version = promote.version;
    RETURN promote.version;
END
$$;

REVOKE ALL ON FUNCTION
    recs_data.create_run_tables(integer), recs_data.attach_run_tables(integer),
    recs_data.drop_run_tables(integer), recs.activate(integer), recs.rollback(),
    recs.promote(text, text, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    recs_data.create_run_tables(integer), recs_data.attach_run_tables(integer),
    recs_data.drop_run_tables(integer), recs.activate(integer), recs.rollback(),
    recs.promote(text, text, text)
TO recs_loader;
