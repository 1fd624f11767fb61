-- Statistics of all runs' articles together: no autovacuum takes those of a partitioned table. Without them the
-- planner expects tens of thousands of rows where one customer's twelve are joined to recs.articles, and starts
-- parallel workers for them, which takes longer than the query.
SET LOCAL ROLE recs_owner;

-- Take them where there are none: that ids and keys are unique in a run does not change from run to run.
CREATE OR REPLACE FUNCTION recs_data.analyze_articles() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET default_statistics_target = 10 AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_stats s
        WHERE s.schemaname = 'recs_data' AND s.tablename = 'articles' AND s.inherited
    ) THEN
        ANALYZE recs_data.articles (article_id, article_key);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION recs_data.analyze_articles() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recs_data.analyze_articles() TO recs_loader;

SELECT recs_data.analyze_articles();
