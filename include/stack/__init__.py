"""The embedded stack on one machine: Postgres and Airflow, with all they keep in one folder."""
