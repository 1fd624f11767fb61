-- Attaching a run after a glance at its rows.
SET LOCAL ROLE recs_owner;

-- Index the filled tables and attach them. No reader sees them yet: the run is not active.
CREATE OR REPLACE FUNCTION recs_data.attach_run_tables(loading_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Of a tenth of the usual sample: autovacuum looks at all new tables within minutes, as it always does.
SET default_statistics_target = 10 AS $$
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
    -- Of the lists' arrays nobody needs statistics, and they take as long as the other columns together.
    EXECUTE format('ANALYZE recs_data.%I (customer_id, age_band)', format('lists_%s', loading_run));
    EXECUTE format('ANALYZE recs_data.%I', format('articles_%s', loading_run));
    EXECUTE format('ANALYZE recs_data.%I', format('popular_%s', loading_run));
    FOREACH parent IN ARRAY ARRAY['lists', 'articles', 'popular'] LOOP
        child := format('%s_%s', parent, loading_run);
        EXECUTE format('REVOKE INSERT ON recs_data.%I FROM recs_loader', child);
        EXECUTE format(
            'ALTER TABLE recs_data.%I ATTACH PARTITION recs_data.%I FOR VALUES IN (%s)',
            parent, child, loading_run
        );
    END LOOP;
END
$$;
