"""Makes the package known to Airflow, so that its version shows under Admin, Plugins."""

from airflow.plugins_manager import AirflowPlugin


class RecommendationsPlugin(AirflowPlugin):
    """The operators, assets and rules that the DAGs of this platform share."""

    name = "recsys_airflow"
