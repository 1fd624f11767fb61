-- The tables behind the interface. A run's rows live in partitions of their own (lists_7 holds run 7),
-- so that a run appears by one row of recs_data.runs changing its state, and goes by a DROP.
SET LOCAL ROLE recs_owner;

CREATE TABLE IF NOT EXISTS recs_data.runs (
    run_id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- loading -> ready -> active -> superseded -> dropped; or failed. The active one is what readers see.
    state            text NOT NULL DEFAULT 'loading'
        CHECK (state IN ('loading', 'ready', 'active', 'superseded', 'dropped', 'failed')),
    run_date         date NOT NULL,
    source           text NOT NULL,
    model_version    text NOT NULL,
    policy           text NOT NULL,
    policy_days      integer NOT NULL,
    k                integer NOT NULL CHECK (k > 0),
    customers        integer,
    articles         integer,
    -- The texts that recs_data.lists.reasons counts from 1.
    reasons          text[] NOT NULL DEFAULT '{}',
    -- sha256 of the rows as they were sent: equal runs have equal checksums.
    checksum         text,
    fingerprint      text NOT NULL,
    inputs           jsonb NOT NULL,
    -- What must be seen downstream, such as {"weights": "random"}.
    notes            jsonb NOT NULL,
    late_after_hours integer NOT NULL,
    explanation      text,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at     timestamptz,
    activated_at     timestamptz,
    -- When a publisher last found this run to be the right one.
    confirmed_at     timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS runs_one_active ON recs_data.runs ((true)) WHERE state = 'active';

-- One row a customer: the list as three arrays, from rank 1. A row a rank needs 2.4 times the space and
-- 2.5 times the time; a 64-character id on each row 7 times both.
CREATE TABLE IF NOT EXISTS recs_data.lists (
    run_id       integer NOT NULL,
    customer_id  text COLLATE "C" NOT NULL,
    age_band     text NOT NULL,
    article_keys integer[] NOT NULL,
    scores       real[] NOT NULL,
    reasons      smallint[] NOT NULL
) PARTITION BY LIST (run_id);

CREATE TABLE IF NOT EXISTS recs_data.articles (
    run_id                       integer NOT NULL,
    article_key                  integer NOT NULL,
    article_id                   text COLLATE "C" NOT NULL,
    product_code                 text,
    prod_name                    text,
    product_type_name            text,
    product_group_name           text,
    graphical_appearance_name    text,
    colour_group_name            text,
    perceived_colour_value_name  text,
    perceived_colour_master_name text,
    department_name              text,
    index_name                   text,
    index_group_name             text,
    section_name                 text,
    garment_group_name           text,
    detail_desc                  text,
    mean_price                   real,
    is_on_sale                   boolean NOT NULL,
    similar_keys                 integer[] NOT NULL,
    similar_scores               real[] NOT NULL
) PARTITION BY LIST (run_id);

CREATE TABLE IF NOT EXISTS recs_data.popular (
    run_id      integer NOT NULL,
    age_band    text NOT NULL,
    rank        integer NOT NULL,
    article_key integer NOT NULL,
    score       double precision NOT NULL
) PARTITION BY LIST (run_id);

CREATE TABLE IF NOT EXISTS recs_data.model_versions (
    source          text NOT NULL,
    version         text NOT NULL,
    state           text NOT NULL DEFAULT 'candidate'
        CHECK (state IN ('candidate', 'champion', 'refused', 'retired')),
    metrics         jsonb NOT NULL,
    data            jsonb NOT NULL,
    manifest_sha256 text NOT NULL,
    trained_at      timestamptz NOT NULL,
    reason          text,
    registered_at   timestamptz NOT NULL DEFAULT now(),
    decided_at      timestamptz,
    PRIMARY KEY (source, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS model_versions_one_champion
    ON recs_data.model_versions (source) WHERE state = 'champion';

-- The loader writes the two ledgers; it can empty neither.
GRANT SELECT, INSERT, UPDATE ON recs_data.runs, recs_data.model_versions TO recs_loader;
