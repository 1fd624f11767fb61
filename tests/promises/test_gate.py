"""A model that learned nothing does not become champion: its labels were shuffled."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jobs import (
    build_examples,
    build_features,
    clean_catalogue,
    clean_transactions,
    embed_images,
    evaluate,
    promote_model,
    simulate_dataset,
    train_models,
)
from pyspark.sql import SparkSession
from tests.promises.worlds import RUN_DATE, World

from recsys.columns import Columns as C
from recsys.config import load_config
from recsys.paths import Partition
from recsys.serving import versions
from recsys.serving.migrate import migrate

pytestmark = [pytest.mark.spark, pytest.mark.tensorflow, pytest.mark.postgres]

SIZES = ["--customers", "1000", "--articles", "300", "--transactions", "30000", "--images", "0",
         "--days", "240"]  # fmt: skip
SMALL = [
    "--set=model.dim=16", "--set=model.tower_units=[32]", "--set=model.ranker_units=[32,16]",
    "--set=model.epochs=8", "--set=model.refit=false", "--set=evaluation.bootstrap_samples=500",
]  # fmt: skip


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path) -> World:
    """A simulated world with everything that training reads."""
    world = World(tmp_path / "raw", tmp_path / "lake")
    assert simulate_dataset.main(["--out", str(world.data), *SIZES]) == 0
    for job in (clean_catalogue, clean_transactions):
        world.run(job)
    world.run(build_features, "--training")
    for job in (build_examples, embed_images):
        world.run(job)
    return world


def train_and_judge(world: World) -> tuple[str, dict[str, Any]]:
    """Run the jobs from examples to the gate; return the version and the gate's facts."""
    facts: dict[str, Any] = {}
    for job in (train_models, evaluate, promote_model):
        named = [f"--model-version={facts['model_version']}"] if facts else []
        world.run(job, *SMALL, *named, "--report=report.json")
        facts |= json.loads((world.lake_root / "report.json").read_text())["facts"]
    return facts["model_version"], facts


def shuffle_labels(world: World) -> None:
    """Give each row of examples.pairs the article of another: who bought what is chance."""
    partition = Partition("examples.pairs", str(RUN_DATE))
    pairs = world.lake.read(partition)
    articles = np.random.default_rng(1).permutation(pairs[C.ARTICLE_KEY].to_numpy())
    index = pairs.schema.get_field_index(C.ARTICLE_KEY)
    shuffled = pairs.set_column(index, pairs.schema.field(index), pa.array(articles))
    with world.lake.write(partition, fingerprint="shuffled") as draft:
        world.lake.put_table(draft, shuffled)


def test_a_model_of_shuffled_labels_is_refused(
    world: World, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(postgres_url)
    monkeypatch.setenv("RECSYS_DATABASE_URL", postgres_url)
    champion, facts = train_and_judge(world)
    assert (facts["promoted"], facts["against"]) == (True, None)

    shuffle_labels(world)
    version, facts = train_and_judge(world)

    assert version != champion
    assert facts["against"] == champion
    assert (facts["promoted"], facts["champion"]) == (False, champion)
    assert f"behind champion {champion}: -0." in facts["reason"]
    assert "not ahead of popular_7d: -0." in facts["reason"]
    source = load_config("test", [f"data={world.data}"]).source
    refused = versions.find(postgres_url, source, version)
    assert refused is not None
    assert (refused.state, refused.reason) == ("refused", facts["reason"])
    assert versions.champion(postgres_url, source) == champion
