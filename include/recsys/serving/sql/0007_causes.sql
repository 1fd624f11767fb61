-- Reasons that name their cause: an article that was bought, or how many days ago it was.
SET LOCAL ROLE recs_owner;

-- What {article} and {days} in the text of a reason stand for, an article's key or a number; 0: neither is
-- in it. Null in runs of before, whose reasons name nothing.
ALTER TABLE recs_data.lists ADD COLUMN IF NOT EXISTS causes integer[];

-- The cause's name is looked up for those rows alone whose reason is asked for.
CREATE OR REPLACE VIEW recs.recommendations AS
SELECT
    l.customer_id,
    item.rank::integer AS rank,
    a.article_id,
    item.score,
    CASE
        WHEN run.reasons[item.reason] LIKE '%{article}%' THEN replace(
            run.reasons[item.reason], '{article}',
            coalesce(
                (SELECT c.prod_name
                 FROM recs_data.articles AS c
                 WHERE c.run_id = (SELECT run_id FROM recs_data.active_run)
                     AND c.article_key = item.cause),
                'something bought'
            )
        )
        WHEN item.cause > 0 THEN replace(run.reasons[item.reason], '{days}', item.cause::text)
        ELSE run.reasons[item.reason]
    END AS reason,
    run.run_date,
    run.model_version
FROM recs_data.active_run AS run
CROSS JOIN recs_data.lists AS l
CROSS JOIN LATERAL unnest(l.article_keys, l.scores, l.reasons, l.causes)
    WITH ORDINALITY AS item (article_key, score, reason, cause, rank)
JOIN recs_data.articles AS a ON a.article_key = item.article_key
WHERE l.run_id = (SELECT run_id FROM recs_data.active_run)
    AND a.run_id = (SELECT run_id FROM recs_data.active_run);
