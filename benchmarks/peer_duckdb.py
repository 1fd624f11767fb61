"""The peer of `make bench-data`: DuckDB cleans the same files and makes the same aggregates.

Usage: python -m benchmarks.peer_duckdb <data folder> <output folder> <memory limit, such as 10GB>
Prints one JSON object: seconds by step. It uses the same number of threads as Spark: all cores.
"""

import json
import os
import sys
import time
from pathlib import Path

import duckdb

WINDOWS = (1, 7, 30)

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
  SELECT *, count(*)::INTEGER AS quantity, date_trunc('month', t_dat)::DATE AS month FROM typed
  WHERE t_dat <= today() AND customer_key IS NOT NULL AND article_key IS NOT NULL
    AND price BETWEEN 0 AND 10 AND channel IN (1, 2)
  GROUP BY t_dat, customer_key, article_key, price, channel
) TO '{out}/transactions' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))
"""
VIEW = """
CREATE VIEW bought AS SELECT *, DATE '{cutoff}' - t_dat AS days_ago
FROM read_parquet('{out}/transactions/*/*.parquet') WHERE t_dat < DATE '{cutoff}'
"""
CUSTOMERS = """
COPY (
  WITH pairs AS (
    SELECT customer_key, article_key, sum(quantity) AS pieces, min(days_ago) AS days
    FROM bought GROUP BY ALL),
  lists AS (
    SELECT customer_key, count(*) AS distinct_articles,
           count(DISTINCT product_group_name) AS distinct_product_groups,
           list({{'article': article_key, 'days': days, 'pieces': pieces}}
                ORDER BY days, article_key DESC)[:64] AS recent
    FROM pairs JOIN articles_keys USING (article_key) GROUP BY customer_key),
  activity AS (
    SELECT customer_key, sum(quantity) AS transactions, count(DISTINCT t_dat) AS purchase_days,
           sum(quantity * price) / sum(quantity) AS mean_price, min(days_ago) AS recency_days,
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
           min(days_ago) AS days_since_sale, max(days_ago) AS days_on_sale, {windows}
    FROM bought GROUP BY article_key)
  SELECT article_key, sold.*, buyers.*
  FROM articles_keys LEFT JOIN sold USING (article_key) LEFT JOIN buyers USING (article_key)
) TO '{out}/articles.parquet' (FORMAT parquet, COMPRESSION zstd)
"""


def main(data: str, out: str, memory: str, cutoff: str) -> dict[str, float]:
    """Run the steps; return seconds by step."""
    Path(out).mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {os.cpu_count()}; SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{out}/spill'; SET preserve_insertion_order = false")
    windows = ", ".join(
        f"coalesce(sum(quantity) FILTER (days_ago <= {n}), 0) AS pieces_{n}d" for n in WINDOWS
    )
    values = {"data": data, "out": out, "windows": windows, "cutoff": cutoff}
    keys = [
        KEYS.format(name=name, file=f"{data}/{name}.csv", id=f"{one}_id", key=f"{one}_key")
        for name, one in (("customers", "customer"), ("articles", "article"))
    ]
    steps = {
        "catalogue": keys,
        "clean": [CLEAN.format(**values), VIEW.format(**values)],
        "customers": [CUSTOMERS.format(**values)],
        "articles": [ARTICLES.format(**values)],
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
