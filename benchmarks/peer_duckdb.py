"""The peer of `make bench-data`: DuckDB cleans the same files and makes the same features.

Usage: python -m benchmarks.peer_duckdb <data folder> <output folder> <memory limit, such as 10GB>
Prints one JSON object: seconds by step. It uses the same number of threads as Spark: all cores.
"""

import json
import os
import sys
import time
from pathlib import Path

import duckdb

WINDOWS = (1, 3, 7, 14, 30)

KEYS = """
CREATE TABLE {name}_keys AS
SELECT *, (row_number() OVER (ORDER BY {id}) + 1)::INTEGER AS {key}
FROM (SELECT DISTINCT ON ({id}) * FROM read_csv('{file}', header = true, all_varchar = true))
"""
CLEAN = """
COPY (
  WITH typed AS (
    SELECT TRY_CAST(t_dat AS DATE) AS t_dat, customer_key, article_key,
           TRY_CAST(price AS DOUBLE) AS price, TRY_CAST(sales_channel_id AS TINYINT) AS channel
    FROM read_csv('{data}/transactions_train.csv', header = true, all_varchar = true,
                  ignore_errors = true)
    LEFT JOIN customers_keys USING (customer_id) LEFT JOIN articles_keys USING (article_id))
  SELECT *, count(*)::INTEGER AS quantity, t_dat AS day FROM typed
  WHERE t_dat <= today() AND customer_key IS NOT NULL AND article_key IS NOT NULL
    AND price BETWEEN 0 AND 10 AND channel IN (1, 2)
  GROUP BY t_dat, customer_key, article_key, price, channel
) TO '{out}/transactions' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))
"""
VIEW = """
CREATE VIEW bought AS SELECT *, DATE '{cutoff}' - t_dat AS days_ago
FROM read_parquet('{out}/transactions/*/*.parquet') WHERE t_dat < DATE '{cutoff}'
"""
CUSTOMERS = """
COPY (
  WITH pairs AS (
    SELECT customer_key, article_key, sum(quantity) AS pieces, sum(quantity * price) AS spend,
           min(days_ago) AS days
    FROM bought GROUP BY ALL),
  lists AS (
    SELECT customer_key, count(*) AS distinct_articles,
           count(DISTINCT product_group_name) AS distinct_product_groups,
           list({{'article': article_key, 'days': days, 'pieces': pieces, 'price': spend / pieces}}
                ORDER BY days, article_key DESC)[:64] AS recent
    FROM pairs JOIN articles_keys USING (article_key) GROUP BY customer_key),
  activity AS (
    SELECT customer_key, sum(quantity) AS transactions, count(DISTINCT t_dat) AS purchase_days,
           sum(quantity * price) / sum(quantity) AS mean_price, min(days_ago) AS recency_days,
           max(days_ago) AS tenure_days,
           count(DISTINCT t_dat) / (max(days_ago) / 7) AS purchase_frequency,
           sum(quantity) FILTER (channel = 2) / sum(quantity) AS channel_2_share, {windows}
    FROM bought GROUP BY customer_key)
  SELECT customer_key, age, club_member_status, fashion_news_frequency, activity.*, lists.*
  FROM customers_keys LEFT JOIN activity USING (customer_key) LEFT JOIN lists USING (customer_key)
) TO '{out}/customers.parquet' (FORMAT parquet, COMPRESSION zstd)
"""
ARTICLES = """
COPY (
  WITH pairs AS (
    SELECT customer_key, article_key, count(DISTINCT t_dat) AS days FROM bought GROUP BY ALL),
  buyers AS (
    SELECT article_key, count(*) AS customers, avg(TRY_CAST(age AS INTEGER)) AS mean_customer_age,
           avg((days > 1)::INTEGER) AS repurchase_rate
    FROM pairs JOIN customers_keys USING (customer_key) GROUP BY article_key),
  sold AS (
    SELECT article_key, sum(quantity) AS sales, sum(quantity * price) / sum(quantity) AS mean_price,
           min(days_ago) AS days_since_sale, max(days_ago) AS days_on_sale, {windows},
           sum(quantity * price) FILTER (days_ago <= 7) AS spend_7d
    FROM bought GROUP BY article_key),
  week AS (
    SELECT article_key, {band} AS age_band, sum(quantity) AS pieces
    FROM bought JOIN customers_keys USING (customer_key) WHERE days_ago <= 7
    GROUP BY GROUPING SETS ((article_key, age_band), (article_key))),
  ranks AS (
    SELECT article_key, list({{'band': age_band, 'rank': place}}) AS ranks
    FROM (SELECT *, row_number() OVER (PARTITION BY age_band ORDER BY pieces DESC, article_key)
                 AS place FROM week)
    GROUP BY article_key)
  SELECT article_key, sold.*, buyers.*, ranks.*
  FROM articles_keys LEFT JOIN sold USING (article_key) LEFT JOIN buyers USING (article_key)
  LEFT JOIN ranks USING (article_key)
) TO '{out}/articles.parquet' (FORMAT parquet, COMPRESSION zstd)
"""
POPULARITY = """
COPY (
  WITH pairs AS (
    SELECT customer_key, article_key, min(days_ago) AS days
    FROM bought WHERE days_ago <= 28 GROUP BY ALL),
  counts AS (
    SELECT {band} AS age_band, article_key, count(*) FILTER (days <= 7) AS recent,
           count(*) AS on_sale
    FROM pairs JOIN customers_keys USING (customer_key)
    GROUP BY GROUPING SETS ((age_band, article_key), (article_key)))
  SELECT *, row_number() OVER (
    PARTITION BY age_band ORDER BY recent DESC, on_sale DESC, article_key) AS place
  FROM counts QUALIFY place <= 100
) TO '{out}/popularity.parquet' (FORMAT parquet, COMPRESSION zstd)
"""
COPURCHASES = """
COPY (
  WITH pairs AS (
    SELECT customer_key, article_key, min(days_ago) AS days
    FROM bought WHERE days_ago <= 90 GROUP BY ALL),
  baskets AS (
    SELECT customer_key, article_key FROM pairs QUALIFY row_number() OVER (
      PARTITION BY customer_key ORDER BY days, article_key DESC) <= 64),
  buyers AS (SELECT article_key, count(*) AS buyers FROM baskets GROUP BY article_key),
  shared AS (
    SELECT one.article_key AS article_key, two.article_key AS other, count(*) AS shared
    FROM baskets one JOIN baskets two USING (customer_key)
    WHERE one.article_key < two.article_key GROUP BY ALL HAVING shared >= 2),
  both_ways AS (
    SELECT article_key, other, shared FROM shared
    UNION ALL SELECT other, article_key, shared FROM shared),
  scored AS (
    SELECT b.article_key, other, shared / sqrt(x.buyers * y.buyers) AS score
    FROM both_ways b JOIN buyers x ON x.article_key = b.article_key
    JOIN buyers y ON y.article_key = b.other)
  SELECT *, row_number() OVER (PARTITION BY article_key ORDER BY score DESC, other) AS place
  FROM scored QUALIFY place <= 20
) TO '{out}/copurchases.parquet' (FORMAT parquet, COMPRESSION zstd)
"""
BAND = "floor(TRY_CAST(age AS INTEGER) / 10)"


def main(data: str, out: str, memory: str, cutoff: str) -> dict[str, float]:
    """Run the steps; return seconds by step."""
    Path(out).mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {os.cpu_count()}; SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{out}/spill'; SET preserve_insertion_order = false")
    windows = ", ".join(
        f"coalesce(sum(quantity) FILTER (days_ago <= {n}), 0) AS pieces_{n}d" for n in WINDOWS
    )
    values = {"data": data, "out": out, "windows": windows, "cutoff": cutoff, "band": BAND}
    keys = [
        KEYS.format(name=name, file=f"{data}/{name}.csv", id=f"{one}_id", key=f"{one}_key")
        for name, one in (("customers", "customer"), ("articles", "article"))
    ]
    steps = {
        "catalogue": keys,
        "clean": [CLEAN.format(**values), VIEW.format(**values)],
        "customers": [CUSTOMERS.format(**values)],
        "articles": [ARTICLES.format(**values)],
        "popularity": [POPULARITY.format(**values)],
        "copurchases": [COPURCHASES.format(**values)],
    }
    seconds = {}
    for step, statements in steps.items():
        started = time.monotonic()
        for statement in statements:
            connection.execute(statement)
        seconds[step] = round(time.monotonic() - started, 2)
    return seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:5])) + "\n")
