"""The files of `images.embeddings`: which they are, how they are written, and what is reused."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from recsys.config import ImagesConfig
from recsys.images.inventory import Inventory
from recsys.images.matrix import DIM, Matrix
from recsys.images.pca import Reduction, fit_reduction
from recsys.images.store import VectorStore
from recsys.paths import Partition
from recsys.storage import Lake

EMBEDDINGS, KEYS, REDUCED, PCA = "embeddings.npy", "article_keys.npy", "reduced.npy", "pca.npz"
LISTING = "listing.parquet"


def write_vectors(
    folder: Path, inventory: Inventory, store: VectorStore, config: ImagesConfig
) -> Reduction:
    """Write the vectors of all images by article key, and their reduction, which is returned."""
    count = len(inventory.images)
    sha256s = [image.sha256 for image in inventory.images]
    keys = np.array([image.article_key for image in inventory.images], dtype=np.int32)
    np.save(folder / KEYS, keys)
    vectors = Matrix.write(folder / EMBEDDINGS, store.blocks(sha256s), shape=(count, DIM))
    reduction = fit_reduction(
        vectors, variance=config.pca_variance, max_components=config.pca_max_components
    )
    reduced = (reduction.apply(block) for block in vectors.blocks())
    Matrix.write(folder / REDUCED, reduced, shape=(count, len(reduction.components)))
    reduction.save(folder / PCA)
    pa.parquet.write_table(inventory.listing(), folder / LISTING)
    return reduction


def read_listing(lake: Lake, output: Partition) -> pa.Table | None:
    """Return the listing of the committed vectors, None where there are none."""
    manifest = lake.manifest(output)
    if manifest is None:
        return None
    # That file alone: in a store, a copy of all would hold the vectors too.
    return lake.read_file(lake.address(f"{output.folder}/{manifest.attempt}/{LISTING}"))


@contextmanager
def stored_vectors(
    lake: Lake, output: Partition, scratch: Path, *, generation: str, reuse: bool
) -> Iterator[VectorStore]:
    """Yield the vectors that a stopped run left and those committed.

    The committed ones must be of the same generation. They are read while the block lasts. Without
    `reuse` those of a stopped run go too.
    """
    if not reuse:
        shutil.rmtree(scratch, ignore_errors=True)
    store = VectorStore(scratch)
    manifest = lake.manifest(output)
    if not reuse or manifest is None or manifest.notes.get("generation") != generation:
        yield store
        return
    with lake.local_path(output) as path:
        listing = pa.parquet.read_table(path / LISTING, columns=["sha256"])
        store.remember(path / EMBEDDINGS, listing["sha256"].to_pylist())
        yield store
