-- The names in reasons are read from an index, without a look at the table: a list with its reasons takes a
-- tenth less.
SET LOCAL ROLE recs_owner;

-- Index the filled tables and attach them. No reader sees them yet: the run is not active.
CREATE OR REPLACE FUNCTION recs_data.attach_run_tables(loading_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET default_statistics_target = 10 AS $$
DECLARE
    parent text;
    child  text;
    keys   text;
    by_key text := format('CREATE UNIQUE INDEX ON recs_data.articles_%s (article_key)', loading_run);
BEGIN
    IF NOT EXISTS (
        SELECT FROM recs_data.runs r WHERE r.run_id = loading_run AND r.state = 'loading'
    ) THEN
        RAISE EXCEPTION 'run % is not loading', loading_run;
    END IF;
    FOREACH keys IN ARRAY ARRAY[
        'lists (customer_id)', 'articles (article_id)', 'popular (age_band, rank)'
    ] LOOP
        EXECUTE format(
            'CREATE UNIQUE INDEX ON recs_data.%s', replace(keys, ' (', format('_%s (', loading_run))
        );
    END LOOP;
    BEGIN
        EXECUTE by_key || ' INCLUDE (run_id, prod_name)';
    EXCEPTION WHEN program_limit_exceeded THEN
        -- Some name is longer than an index takes, 2.7 kB: names are read from the table then.
        EXECUTE by_key;
    END;
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
    IF NOT EXISTS (
        SELECT FROM pg_stats s
        WHERE s.schemaname = 'recs_data' AND s.tablename = 'articles' AND s.inherited
    ) THEN
        ANALYZE recs_data.articles (article_id, article_key);
    END IF;
END
$$;
