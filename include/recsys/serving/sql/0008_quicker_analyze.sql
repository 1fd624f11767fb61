-- A run is analyzed by a tenth of the usual sample: autovacuum takes a whole one within minutes, as it
-- does of every table that was filled.
SET LOCAL ROLE recs_owner;

ALTER FUNCTION recs_data.attach_run_tables(integer) SET default_statistics_target = 10;
