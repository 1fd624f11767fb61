"""Every data set and public table as an Airflow asset, so that the UI draws the lineage."""

from typing import Final

from airflow.sdk import Asset

from recsys.paths import WRITTEN_BY

#: Public Postgres tables, and the task that changes them; data sets of the lake are in `paths`.
PUBLISHED_BY: Final[dict[str, str]] = {
    "recs.model_versions": "promote_model",
    "recs.recommendations": "publish_recommendations",
}

ASSETS: Final[dict[str, Asset]] = {
    name: Asset(name, group=name.split(".")[0]) for name in (*WRITTEN_BY, *PUBLISHED_BY)
}


def outlets_of(job: str) -> list[Asset]:
    """Return the assets that a job writes, in the order in which `paths` lists them."""
    return [ASSETS[name] for name, writer in (WRITTEN_BY | PUBLISHED_BY).items() if writer == job]
