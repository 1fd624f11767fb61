"""Embed product images with ResNet152 and reduce the vectors with PCA.

Only images that are new or changed since the last run are embedded. Without an images folder the
outcome is empty, and everything after it goes on without pictures.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from recsys.images.embed import VectorStore, embed_missing
from recsys.images.inventory import ImageFolder, Inventory, take_inventory
from recsys.images.pca import fit_reduction
from recsys.images.resnet import Weights, build_embedder, identify_weights
from recsys.job import ALL_TIME, Job, run_job
from recsys.paths import Partition
from recsys.storage import Draft, Lake

LISTING = "listing.parquet"
#: Settings that change how fast the vectors come, not what they are.
SPEED = {"batch_size", "workers", "shard_articles"}


def build(job: Job) -> None:
    """Read the articles and their images, embed what is new, write the vectors and the rejects."""
    images, seed = job.config.images, job.config.seed
    articles = job.partition("cleaned.articles")
    output = job.partition("images.embeddings", ALL_TIME)
    weights = identify_weights(images, seed=seed)
    folder = ImageFolder(job.config.data)
    inventory = take_inventory(
        folder,
        job.lake.read(articles, columns=["article_key", "article_id"]),
        known=None if job.args.force else _listing(job.lake, output),
        workers=images.workers,
    )
    settings = images.model_dump(exclude=SPEED)
    settings |= {"weights_identity": weights.identity, "images": inventory.digest}
    step = job.step([output, "rejected.images"], inputs=[articles], settings=settings)
    if step.is_current:
        return
    store = VectorStore(Path(job.config.state) / "embeddings" / weights.generation)
    if not job.args.force:
        _reuse(job.lake, output, store, weights)
    make = partial(build_embedder, weights, batch_size=images.batch_size, seed=seed)
    embedded = embed_missing(inventory, folder, store, make, config=images, logger=job.logger)
    with step.write("images.embeddings") as draft:
        _write_vectors(job, draft, inventory, store)
        draft.notes |= {"weights": weights.note, "generation": weights.generation}
        draft.counts |= {"embedded": embedded, "reused": len(inventory.images) - embedded}
    with step.write("rejected.images") as draft:
        job.lake.put_table(draft, inventory.rejected_table())
        draft.counts |= Counter(str(reason) for reason in inventory.rejected.values())
    store.clear()


def _listing(lake: Lake, output: Partition) -> pa.Table | None:
    if lake.manifest(output) is None:
        return None
    with lake.local_path(output) as path:
        return pa.parquet.read_table(path / LISTING)


def _reuse(lake: Lake, output: Partition, store: VectorStore, weights: Weights) -> None:
    """Put the committed vectors into the store, if they are of the same generation."""
    manifest = lake.manifest(output)
    if manifest is None or manifest.notes.get("generation") != weights.generation:
        return
    with lake.local_path(output) as path:
        listing = pa.parquet.read_table(path / LISTING)
        store.remember(listing["sha256"].to_pylist(), np.load(path / "embeddings.npy"))


def _write_vectors(job: Job, draft: Draft, inventory: Inventory, store: VectorStore) -> None:
    vectors = store.take([image.sha256 for image in inventory.images])
    config = job.config.images
    reduction = fit_reduction(
        vectors, variance=config.pca_variance, max_components=config.pca_max_components
    )
    keys = np.array([image.article_key for image in inventory.images], dtype=np.int32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "embeddings.npy", vectors)
        np.save(folder / "article_keys.npy", keys)
        np.save(folder / "reduced.npy", reduction.apply(vectors))
        reduction.save(folder / "pca.npz")
        pa.parquet.write_table(inventory.listing(), folder / LISTING)
        for file in sorted(folder.iterdir()):
            job.lake.put(draft, file.name, file)
    draft.rows = len(keys)
    draft.notes |= {"components": len(reduction.components), "has_folder": inventory.has_folder}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line and return its exit code."""
    return run_job(build, argv, name="embed_images", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
