"""The recommender's library: all thought lives here, and it knows nothing of Airflow."""
