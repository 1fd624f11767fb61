"""Train the two towers and the ranker, and store them as a new model version.

The model to judge learns from the training part and stops by the validation part. With model.refit
a second one then learns from everything for as many epochs: it is the one that nights use. Each
epoch leaves a checkpoint below the state folder, from which a training that was killed goes on.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.examples.split import from_table
from recsys.job import ALL_TIME, Before, Input, Job, run_job
from recsys.schemas import PARTS
from recsys.step import Step

if TYPE_CHECKING:
    from recsys.models.prepare import Source
    from recsys.models.registry import TrainedModel


def build(job: Job) -> None:
    """Train unless the same model exists; either way `model_version` says which one it is."""
    inputs, settings = _inputs(job), _settings(job)
    fingerprint = job.fingerprint(inputs=inputs, settings=settings)
    version = job.facts["model_version"] = f"{job.run_date}-{fingerprint[:8]}"
    step = job.step([job.partition("models.versions", version)], inputs=inputs, settings=settings)
    if not step.is_current:
        _train(job, step, version)


def _inputs(job: Job) -> list[Input]:
    split = job.partition("examples.split")
    snapshots = from_table(job.lake.read(split))
    last = max(s.cutoff for s in snapshots)
    inputs: list[Input] = [
        split,
        job.partition("examples.pairs"),
        job.partition("cleaned.articles"),
        Before(job.partition("cleaned.transactions"), last),
        job.partition("images.embeddings", ALL_TIME),
    ]
    names = ("customers", "articles", "popularity", "copurchases")
    return inputs + [job.partition(f"features.{n}", s.cutoff) for n in names for s in snapshots]


def _settings(job: Job) -> dict[str, Any]:
    return {
        "model": job.config.model.model_dump(),
        "candidates": job.config.candidates.model_dump(exclude={"shard_customers"}),
        "history_length": job.config.features.history_length,
    }


@dataclass
class Version:
    """What is stored of a training.

    models: by role, `evaluated` and, with model.refit, `served`.
    metrics: of the evaluated model, on the validation part.
    history: a row of facts an epoch of the evaluated network.
    best_epoch: of these, counted from 1.
    positives: how many purchases that network learned from.
    """

    models: dict[str, "TrainedModel"]
    metrics: dict[str, float]
    history: list[dict[str, float]]
    best_epoch: int
    positives: int


def _train(job: Job, step: Step, name: str) -> None:
    kept = Path(job.config.state) / "training" / name
    if job.args.force:
        shutil.rmtree(kept, ignore_errors=True)
    _store(job, step, name, _learn(job, kept))
    shutil.rmtree(kept, ignore_errors=True)  # the model is there, whoever removed these


def _learn(job: Job, kept: Path) -> Version:
    """Train the model to judge and, with model.refit, the one to serve; `kept` has checkpoints."""
    from recsys.models.inputs import load_pca
    from recsys.models.prepare import Source

    pca = load_pca(job.lake)
    source = Source(job.lake, job.run_date, job.config.features.history_length, pca)
    learned = _learn_to_judge(job, source, kept)
    if job.config.model.refit:
        learned.models["served"] = _learn_to_serve(job, source, kept, learned)
    return learned


def _learn_to_judge(job: Job, source: "Source", kept: Path) -> Version:
    """Return the model that learned from the training part alone, and what validation says."""
    from recsys.evaluation.ablation import name_ablations
    from recsys.evaluation.validation import choose_rankers, load_validation
    from recsys.inference.past_weeks import learn_trees, split_weeks
    from recsys.models.prepare import prepare
    from recsys.models.registry import TrainedModel
    from recsys.models.train import train

    config, seed, candidates = job.config.model, job.config.seed, job.config.candidates
    early, late = split_weeks(source.positives(["train"]), config.trees.weeks)
    examples, encoder = prepare(source, early)
    validation = load_validation(
        source,
        encoder,
        customers=config.validation_customers,
        precision=config.pair_precision,
        candidates=candidates,
        seed=seed,
    )
    path = kept / "evaluated.npz"
    trained = train(examples, encoder, config, seed=seed, validate=validation, checkpoint=path)
    positives = len(examples)
    as_long = config.model_copy(update={"epochs": trained.best_epoch})
    retrain = partial(train, examples, encoder, as_long, seed=seed)
    ablated: dict[str, dict[str, float]] = {
        name: validation(retrain(without=name, checkpoint=kept / f"no_{name}.npz").network)
        for name in config.ablations
    }
    del examples, retrain
    model = TrainedModel(trained.network, encoder, pca=source.pca)
    model.trees = learn_trees(
        model, source, late, candidates=candidates, config=config.trees, seed=seed
    )
    model.rankers, compared = choose_rankers(validation, model, wanted=config.ranker)
    metrics = trained.metrics | compared | name_ablations(ablated, trained.metrics)
    return Version({"evaluated": model}, metrics, trained.history, trained.best_epoch, positives)


def _learn_to_serve(job: Job, source: "Source", kept: Path, judged: Version) -> "TrainedModel":
    """Return a model that learned from everything, for as long and with rankers as were best."""
    from recsys.inference.past_weeks import learn_trees, split_weeks
    from recsys.models.prepare import prepare
    from recsys.models.registry import TrainedModel
    from recsys.models.train import train

    config, seed = job.config.model, job.config.seed
    early, late = split_weeks(source.positives(PARTS), config.trees.weeks)
    examples, encoder = prepare(source, early)
    as_long = config.model_copy(update={"epochs": judged.best_epoch})
    trained = train(examples, encoder, as_long, seed=seed, checkpoint=kept / "served.npz")
    del examples
    model = TrainedModel(trained.network, encoder, pca=source.pca)
    model.trees = learn_trees(
        model, source, late, candidates=job.config.candidates, config=config.trees, seed=seed
    )
    if model.trees is not None:
        model.rankers = judged.models["evaluated"].rankers
    return model


def _store(job: Job, step: Step, name: str, version: Version) -> None:
    from recsys.models.registry import save_model

    images = job.lake.require(job.partition("images.embeddings", ALL_TIME))
    with step.write("models.versions") as draft, tempfile.TemporaryDirectory() as scratch:
        digests: dict[str, str] = {}
        for role, model in version.models.items():
            model.version, model.metrics = name, version.metrics
            files = save_model(model, Path(scratch, role))
            digests |= {f"{role}/{file}": digest for file, digest in files.items()}
        Path(scratch, "history.json").write_text(json.dumps(version.history, indent=1))
        Path(scratch, "metrics.json").write_text(json.dumps(version.metrics, indent=1))
        for path in sorted(p for p in Path(scratch).rglob("*") if p.is_file()):
            job.lake.put(draft, path.relative_to(scratch).as_posix(), path)
        draft.rows = version.positives
        draft.counts = {"epochs": len(version.history), "best_epoch": version.best_epoch}
        draft.notes = {"metrics": version.metrics, "sha256": digests}
        draft.notes |= {k: v for k, v in images.notes.items() if k == "weights"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; see --help."""
    return run_job(build, argv, name="train_models", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
