-- Statistics of all runs' articles together, once: no autovacuum takes these. Without them the planner expects
-- tens of thousands of rows where one customer's twelve are joined to recs.articles, and starts parallel
-- workers for them, which takes longer than the query.
SET LOCAL ROLE recs_owner;

ANALYZE recs_data.articles (article_id, article_key);

-- Index the filled tables and attach them. No reader sees them yet: the run is not active.
CREATE OR REPLACE FUNCTION recs_data.attach_run_tables(loading_run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
    IF NOT EXISTS (
        SELECT FROM pg_stats s
        WHERE s.schemaname = 'recs_data' AND s.tablename = 'articles' AND s.inherited
    ) THEN
        ANALYZE recs_data.articles (article_id, article_key);
    END IF;
END
$$;
