import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pytest
from jobs.train_models import main
from tests.recsys.conftest import commit_transactions, make_transactions
from tests.recsys.models.conftest import fill_lake

from recsys.config import Config
from recsys.evaluation.ablation import read_ablations
from recsys.inference import past_weeks
from recsys.inference.rankers import rankers_of
from recsys.models.registry import load_model
from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = pytest.mark.tensorflow

MODES = ("all", "novel", "pairs")
TREES = (*(f"trees-{mode}-{number:02}.txt" for mode in MODES for number in range(2)), "trees.json")
RUN_DATE = date(2020, 9, 23)


def _argv(config: Config, *more: str) -> list[str]:
    settings = ("model.dim=8", "model.tower_units=[16]", "model.ranker_units=[16,8]")
    flags = [flag for setting in settings for flag in ("--set", setting)]
    return ["--run-date", str(RUN_DATE), "--env", "test", "--lake", config.lake_root,
            f"--set=state={config.state}",
            "--report", "report.json", *flags, *more]  # fmt: skip


def _report(lake: Lake) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(Path(lake.address("report.json")).read_text())
    return report


def test_a_version_is_trained_once_and_named_ever_after(config: Config, lake: Lake) -> None:
    fill_lake(lake, RUN_DATE)
    assert main(_argv(config)) == 0
    report = _report(lake)
    version = report["facts"]["model_version"]
    manifest = lake.require(Partition("models.versions", version))
    assert version == f"2020-09-23-{manifest.fingerprint[:8]}"
    assert manifest.rows == 59 * 6  # of the first week; the trees learn from the second
    assert manifest.notes["weights"] == "random"
    assert sorted(manifest.notes["sha256"]) == [
        f"{role}/{name}"
        for role in ("evaluated", "served")
        for name in ("encoder.json", "model.keras", "pca.npz", *TREES)
    ]
    metrics = manifest.notes["metrics"]
    assert 0 <= metrics["novel_trees_ndcg_at_12"] <= 1
    assert metrics["auc"] == max(metrics["pairs_network_auc"], metrics["pairs_trees_auc"])
    assert {"auc", "precision", "recall", "threshold", "ndcg_at_12"} <= set(metrics)
    assert 0.5 < metrics["auc"] <= 1
    with lake.local_path(Partition("models.versions", version)) as folder:
        history = json.loads((folder / "history.json").read_text())
        assert [row["epoch"] for row in history] == [1, 2]
        assert json.loads((folder / "metrics.json").read_text()) == metrics
        encoders = [(folder / r / "encoder.json").read_text() for r in ("evaluated", "served")]
        assert encoders[0] != encoders[1]

    # Again, with purchases after the last cutoff: nothing to do, said without TensorFlow.
    history = lake.read(Partition("cleaned.transactions", str(RUN_DATE)))
    later = make_transactions([(date(2020, 9, 16), 2, 3, 1)])
    commit_transactions(lake, RUN_DATE, pa.concat_tables([history, later]))
    code = (
        "import sys; from jobs.train_models import main; status = main(sys.argv[1:]);"
        "sys.exit(9 if 'tensorflow' in sys.modules else status)"
    )
    env = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", code, *_argv(config)], check=True, env=env)
    again = _report(lake)
    assert again["status"] == "unchanged"
    assert again["facts"]["model_version"] == version


def test_without_images_and_refit_there_is_one_model_without_a_pca(
    config: Config, lake: Lake
) -> None:
    fill_lake(lake, RUN_DATE, images=False)
    assert main(_argv(config, "--set", "model.refit=false", "--set", "model.epochs=1")) == 0
    version = _report(lake)["facts"]["model_version"]
    notes = lake.require(Partition("models.versions", version)).notes
    names = ("encoder.json", "model.keras", *TREES)
    assert sorted(notes["sha256"]) == [f"evaluated/{name}" for name in names]


def test_a_model_to_serve_without_trees_ranks_by_its_network(
    config: Config, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_lake(lake, RUN_DATE)
    real = past_weeks.learn_trees
    learn = Mock(side_effect=lambda *a, **k: real(*a, **k) if learn.call_count == 1 else None)
    monkeypatch.setattr(past_weeks, "learn_trees", learn)
    flags = ("--set", "model.ranker=trees", "--set", "model.epochs=1")
    assert main(_argv(config, *flags)) == 0
    version = _report(lake)["facts"]["model_version"]
    with lake.local_path(Partition("models.versions", version)) as folder:
        judged, served = (load_model(folder, role) for role in ("evaluated", "served"))
    assert judged.rankers == dict.fromkeys(MODES, "trees")
    assert served.trees is None
    assert list(rankers_of(served, "novel", Mock(), None)) == ["network"]


def test_ablations_are_measured_beside_the_whole_network(config: Config, lake: Lake) -> None:
    fill_lake(lake, RUN_DATE)
    names = '["log_q","images","history"]'
    flags = ("--set", f"model.ablations={names}", "--set", "model.refit=false")
    assert main(_argv(config, *flags, "--set", "model.epochs=1")) == 0
    version = _report(lake)["facts"]["model_version"]
    notes = lake.require(Partition("models.versions", version)).notes
    found = read_ablations(notes["metrics"])

    assert list(found) == ["nothing", "log_q", "images", "history"]
    assert found["nothing"]["ndcg_at_12"] == notes["metrics"]["ndcg_at_12"]
    assert all(0 <= v["towers_recall"] <= 1 and 0 < v["auc"] < 1 for v in found.values())
    assert len({(v["auc"], v["towers_recall"]) for v in found.values()}) == 4
    # They are measured, not kept.
    assert {name.partition("/")[0] for name in notes["sha256"]} == {"evaluated"}


def test_missing_examples_are_one_sentence(
    config: Config, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_argv(config)) == 2
    message = "examples.split has no committed partition '2020-09-23': run build_features first"
    assert message in capsys.readouterr().err
