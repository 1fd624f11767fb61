"""What every job that scores with a model reads, and how it gets it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from recsys.job import ALL_TIME, Job
from recsys.models.inputs import Snapshot, load_snapshot
from recsys.models.registry import Role, TrainedModel, load_model, model_partition
from recsys.paths import Partition


@dataclass(frozen=True)
class Scorer:
    """A model, and all it sees of one cutoff."""

    model: TrainedModel
    snapshot: Snapshot

    @classmethod
    def load(
        cls, job: Job, version: str, *, cutoff: date | None = None, role: Role = "served"
    ) -> Self:
        """Return a model version as of a cutoff; the run date where none is given."""
        with job.lake.local_path(model_partition(version)) as folder:
            model = load_model(folder, role)
        day = cutoff or job.run_date
        return cls(model, load_snapshot(job.lake, day, job.run_date, model.encoder, model.pca))


def scorer_inputs(job: Job, version: str, *, cutoff: date | None = None) -> list[Partition]:
    """Return the partitions that `Scorer.load` reads; images only where there are any."""
    images = job.partition("images.embeddings", ALL_TIME)
    return [
        model_partition(version),
        job.partition("cleaned.articles"),
        job.partition("features.articles", cutoff),
        job.partition("features.customers", cutoff),
        *([images] if job.lake.manifest(images) is not None else []),
    ]


def candidates_version(job: Job) -> str:
    """Return the model version that --model-version names, else that the candidates are of."""
    named: str | None = job.args.model_version
    if named is not None:
        return named
    return str(job.lake.require(job.partition("candidates.pairs")).notes["model_version"])


def scorer_notes(job: Job, version: str) -> dict[str, Any]:
    """Return what must be noted of all that a model makes: its version, and untrained images."""
    notes = job.lake.require(model_partition(version)).notes
    return {"model_version": version} | {k: v for k, v in notes.items() if k == "weights"}
