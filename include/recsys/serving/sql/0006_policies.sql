-- The policies that a run's lists were made under, and what it takes to see whether they were kept.
SET LOCAL ROLE recs_owner;

-- What recommendations.* said beside k and the purchase policy; runs of before had nothing of it.
ALTER TABLE recs_data.runs ADD COLUMN IF NOT EXISTS policies jsonb NOT NULL DEFAULT '{}';
-- Days since the first sale; null: never sold, or a run of before.
ALTER TABLE recs_data.articles ADD COLUMN IF NOT EXISTS days_on_sale integer;

CREATE OR REPLACE VIEW recs_data.active_run AS
SELECT * FROM recs_data.runs WHERE state = 'active';

CREATE OR REPLACE VIEW recs.policies AS
SELECT
    run_id, state, k, policy, policy_days,
    policies -> 'articles' AS articles,
    (policies ->> 'max_per_product')::integer AS max_per_product,
    (policies ->> 'max_per_type')::integer AS max_per_type,
    (policies ->> 'new_share')::double precision AS new_share,
    (policies ->> 'new_days')::integer AS new_days
FROM recs_data.runs;

-- The articles that count as new in the active run.
CREATE OR REPLACE VIEW recs.new_articles AS
SELECT a.article_id, a.days_on_sale
FROM recs_data.active_run AS run
JOIN recs_data.articles AS a ON a.days_on_sale <= (run.policies ->> 'new_days')::integer
WHERE a.run_id = (SELECT run_id FROM recs_data.active_run);

GRANT SELECT ON recs.policies, recs.new_articles TO recs_reader;
