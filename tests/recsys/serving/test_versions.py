"""The ledger of models on a real server."""

import dataclasses

import psycopg2
import pytest

from recsys.errors import ConfigError
from recsys.serving import versions
from recsys.serving.versions import ModelVersion

pytestmark = pytest.mark.postgres


def model(version, source="shop-1", **changes):
    return dataclasses.replace(
        ModelVersion(
            source=source,
            version=version,
            metrics={"k": 12},
            data={"examples.pairs[2020-09-22]": "abc"},
            manifest_sha256="d" * 64,
            trained_at="2020-09-22 10:00:00+00",
        ),
        **changes,
    )


def test_a_registered_version_is_a_candidate_and_reads_back(database):
    assert versions.champion(database, "shop-1") is None
    versions.register(database, model("v1"))
    assert versions.find(database, "shop-1", "v1") == model("v1", state="candidate")
    assert versions.champion(database, "shop-1") is None
    assert versions.find(database, "shop-1", "v2") is None


def test_what_could_not_be_measured_is_null(database):
    versions.register(database, model("v1", metrics={"ndcg": float("nan"), "auc": 0.5}))
    assert versions.find(database, "shop-1", "v1").metrics == {"ndcg": None, "auc": 0.5}


def test_one_champion_a_source(database, query):
    for version in (model("v1"), model("v2"), model("v1", source="shop-2")):
        versions.register(database, version)
        versions.decide(database, version.source, version.version, promoted=True, reason="better")
    assert versions.champion(database, "shop-1") == "v2"
    assert versions.champion(database, "shop-2") == "v1"
    assert query(
        "SELECT source, version, state, reason FROM recs.model_versions ORDER BY 1, 2"
    ) == [
        ("shop-1", "v1", "retired", "better"),
        ("shop-1", "v2", "champion", "better"),
        ("shop-2", "v1", "champion", "better"),
    ]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        query("UPDATE recs_data.model_versions SET state = 'champion'", role="recs_loader")


def test_a_refused_version_says_why_and_the_champion_stays(database):
    for version in ("v1", "v2"):
        versions.register(database, model(version))
    versions.decide(database, "shop-1", "v1", promoted=True, reason="the first")
    versions.decide(database, "shop-1", "v2", promoted=False, reason="behind")
    refused = versions.find(database, "shop-1", "v2")
    assert (refused.state, refused.reason) == ("refused", "behind")
    versions.decide(database, "shop-1", "v1", promoted=False, reason="behind")
    assert versions.champion(database, "shop-1") == "v1"


def test_promotion_by_hand(database):
    for version in (model("v1"), model("v2"), model("v2", source="shop-2")):
        versions.register(database, version)
    versions.promote(database, "v1")
    champion = versions.find(database, "shop-1")
    assert (champion.version, champion.reason) == ("v1", "promoted by hand by recs_loader")
    with pytest.raises(
        ConfigError, match=r"^there is no model version v9: see recs.model_versions"
    ):
        versions.promote(database, "v9")
    with pytest.raises(ConfigError, match=r"^model version v2 exists in \{shop-1,shop-2\}"):
        versions.promote(database, "v2")


def test_without_the_schema_it_says_how_to_get_it(postgres_url):
    with pytest.raises(ConfigError, match=r"run `python -m recsys.serving migrate`"):
        versions.champion(postgres_url, "shop-1")
