-- The public interface. Every view reads the active run, found by a scalar subquery, so that Postgres
-- touches the partition of that run alone; every view's data change in the same instant.
SET LOCAL ROLE recs_owner;

CREATE OR REPLACE VIEW recs_data.active_run AS
SELECT * FROM recs_data.runs WHERE state = 'active';

CREATE OR REPLACE VIEW recs.recommendations AS
SELECT
    l.customer_id,
    item.rank::integer AS rank,
    a.article_id,
    item.score,
    run.reasons[item.reason] AS reason,
    run.run_date,
    run.model_version
FROM recs_data.active_run AS run
CROSS JOIN recs_data.lists AS l
CROSS JOIN LATERAL unnest(l.article_keys, l.scores, l.reasons)
    WITH ORDINALITY AS item (article_key, score, reason, rank)
JOIN recs_data.articles AS a ON a.article_key = item.article_key
WHERE l.run_id = (SELECT run_id FROM recs_data.active_run)
    AND a.run_id = (SELECT run_id FROM recs_data.active_run);

CREATE OR REPLACE VIEW recs.customers AS
SELECT l.customer_id, l.age_band
FROM recs_data.lists AS l
WHERE l.run_id = (SELECT run_id FROM recs_data.active_run);

CREATE OR REPLACE VIEW recs.articles AS
SELECT
    a.article_id, a.product_code, a.prod_name, a.product_type_name, a.product_group_name,
    a.graphical_appearance_name, a.colour_group_name, a.perceived_colour_value_name,
    a.perceived_colour_master_name, a.department_name, a.index_name, a.index_group_name,
    a.section_name, a.garment_group_name, a.detail_desc, a.mean_price, a.is_on_sale
FROM recs_data.articles AS a
WHERE a.run_id = (SELECT run_id FROM recs_data.active_run);

CREATE OR REPLACE VIEW recs.similar_articles AS
SELECT a.article_id, item.rank::integer AS rank, s.article_id AS similar_article_id, item.score
FROM recs_data.articles AS a
CROSS JOIN LATERAL unnest(a.similar_keys, a.similar_scores)
    WITH ORDINALITY AS item (article_key, score, rank)
JOIN recs_data.articles AS s ON s.article_key = item.article_key
WHERE a.run_id = (SELECT run_id FROM recs_data.active_run)
    AND s.run_id = (SELECT run_id FROM recs_data.active_run);

CREATE OR REPLACE VIEW recs.popular_articles AS
SELECT p.age_band AS segment, p.rank, a.article_id, p.score
FROM recs_data.popular AS p
JOIN recs_data.articles AS a ON a.article_key = p.article_key
WHERE p.run_id = (SELECT run_id FROM recs_data.active_run)
    AND a.run_id = (SELECT run_id FROM recs_data.active_run);

CREATE OR REPLACE VIEW recs.runs AS
SELECT
    run_id, state, run_date, source, model_version, policy, policy_days, k, customers, articles,
    customers::bigint * k AS recommendations, checksum, fingerprint, inputs, notes, explanation,
    started_at, published_at, activated_at, confirmed_at
FROM recs_data.runs;

CREATE OR REPLACE VIEW recs.model_versions AS
SELECT
    source, version, state, reason, metrics, data, manifest_sha256, trained_at, registered_at, decided_at
FROM recs_data.model_versions;

-- Always one row; without an active run its columns are null and it is late.
CREATE OR REPLACE VIEW recs.freshness AS
SELECT
    run.run_id, run.run_date, run.model_version, run.published_at, run.confirmed_at,
    now() - run.confirmed_at AS age,
    make_interval(hours => run.late_after_hours) AS late_after,
    coalesce(now() - run.confirmed_at > make_interval(hours => run.late_after_hours), true) AS is_late
FROM (VALUES (true)) AS always (one_row)
LEFT JOIN recs_data.active_run AS run ON always.one_row;

-- The first k recommendations of one customer. A customer without a list gets the popular articles of
-- `segment` (an age band of recs.popular_articles), or of everyone where there is no such segment.
CREATE OR REPLACE FUNCTION recs.recommend(
    customer_id text, k integer DEFAULT 12, segment text DEFAULT 'all'
) RETURNS SETOF recs.recommendations
LANGUAGE sql STABLE AS $$
    WITH own AS (
        SELECT r.* FROM recs.recommendations AS r
        WHERE r.customer_id = recommend.customer_id AND r.rank <= recommend.k
    ),
    fallback AS (
        SELECT
            recommend.customer_id, p.rank, p.article_id, p.score::real, 'popular now',
            f.run_date, f.model_version
        FROM recs.popular_articles AS p
        CROSS JOIN recs.freshness AS f
        WHERE p.rank <= recommend.k
            AND NOT EXISTS (
                SELECT FROM recs.customers AS c WHERE c.customer_id = recommend.customer_id
            )
            AND p.segment = coalesce(
                (SELECT s.segment FROM recs.popular_articles AS s
                 WHERE s.segment = recommend.segment LIMIT 1),
                'all'
            )
    )
    SELECT * FROM own
    UNION ALL
    SELECT * FROM fallback
    ORDER BY rank
$$;

REVOKE ALL ON FUNCTION recs.recommend(text, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recs.recommend(text, integer, text) TO recs_reader;
GRANT SELECT ON
    recs.recommendations, recs.customers, recs.articles, recs.similar_articles, recs.popular_articles,
    recs.runs, recs.model_versions, recs.freshness
TO recs_reader;
GRANT SELECT ON recs_data.active_run TO recs_loader;
