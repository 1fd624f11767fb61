"""Everything that imports Airflow, other than the DAG files themselves."""
