"""Embed the images that have no vector yet, shard by shard, and lay all vectors out by article."""

import hashlib
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recsys.config import ImagesConfig
from recsys.errors import RecsysError
from recsys.images.inventory import ImageFile, ImageFolder, Inventory
from recsys.images.load import ImageFault, Pixels, Reason, decode
from recsys.images.resnet import DIM, Embedder
from recsys.log import fields

FloatArray = npt.NDArray[np.float32]
T = TypeVar("T")


class VectorStore:
    """Vectors by the sha256 of their image.

    New ones also go to a scratch folder, a file a shard, so that a stopped run goes on where it
    was; the folder belongs to one generation of vectors.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._vectors: dict[str, FloatArray] = {}
        for path in sorted(scratch.glob("*.npz")):
            with np.load(path) as shard:
                self.remember(shard["sha256"].tolist(), shard["vectors"])

    def __contains__(self, sha256: str) -> bool:
        """Return whether the image has a vector."""
        return sha256 in self._vectors

    def remember(self, sha256s: Sequence[str], vectors: FloatArray) -> None:
        """Keep vectors that are on disk elsewhere already, `[n, DIM]`."""
        self._vectors.update(zip(sha256s, vectors, strict=True))

    def add(self, sha256s: Sequence[str], vectors: FloatArray) -> None:
        """Keep a new shard, `[n, DIM]`, in memory and in the scratch folder."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        with (self.scratch / f"{name}.part").open("wb") as file:
            np.savez(file, sha256=np.array(sha256s), vectors=vectors)
        (self.scratch / f"{name}.part").rename(self.scratch / f"{name}.npz")
        self.remember(sha256s, vectors)

    def take(self, sha256s: Sequence[str]) -> FloatArray:
        """Return the images' vectors in their order, `[n, DIM]`."""
        taken = np.empty((len(sha256s), DIM), dtype=np.float32)
        for at, sha256 in enumerate(sha256s):
            taken[at] = self._vectors[sha256]
        return taken

    def clear(self) -> None:
        """Remove the scratch folder, once the vectors are committed."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def embed_missing(
    inventory: Inventory,
    folder: ImageFolder,
    store: VectorStore,
    build: Callable[[], Embedder],
    *,
    config: ImagesConfig,
    logger: logging.Logger,
) -> int:
    """Embed every image without a vector and return how many there were.

    Images that cannot be decoded leave the inventory's images for its rejected ones. The network
    is built only where there is a picture to embed.
    """
    wanted = {i.sha256: i for i in inventory.images if i.sha256 not in store}
    if not wanted:
        return 0
    # Only a picture that can be decoded needs the network, and starts it.
    network = cache(build)
    faults: dict[str, Reason] = {}
    embedded, started = 0, time.monotonic()
    with ThreadPoolExecutor(config.workers) as pool:
        for shard in _batched(wanted.values(), config.shard_articles):
            decoded = pool.map(lambda image: _decode(folder, image, config.max_pixels), shard)
            good = list(
                _embed(network, zip(shard, decoded, strict=True), faults, config.batch_size)
            )
            if good:
                store.add(
                    [sha for shas, _ in good for sha in shas], np.concatenate([v for _, v in good])
                )
            embedded += sum(len(shas) for shas, _ in good)
            _log_progress(logger, embedded + len(faults), len(wanted), started)
    _reject(inventory, faults)
    return embedded


def _embed(
    network: Callable[[], Embedder],
    decoded: Iterator[tuple[ImageFile, Pixels | Reason]],
    faults: dict[str, Reason],
    batch_size: int,
) -> Iterator[tuple[list[str], FloatArray]]:
    """Yield sha256s and vectors batch by batch; images with a fault go to `faults`."""

    def usable() -> Iterator[tuple[str, Pixels]]:
        for image, found in decoded:
            if isinstance(found, Reason):
                faults[image.sha256] = found
            else:
                yield image.sha256, found

    for batch in _batched(usable(), batch_size):
        yield [sha for sha, _ in batch], network().embed(np.stack([pixels for _, pixels in batch]))


def _decode(folder: ImageFolder, image: ImageFile, max_pixels: int) -> Pixels | Reason:
    try:
        data = folder.read(image.article_id)
    except OSError:
        return Reason.UNREADABLE
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise RecsysError(f"the image of {image.article_id} changed while it was read: run again")
    try:
        return decode(data, max_pixels=max_pixels)
    except ImageFault as fault:
        return fault.reason


def _reject(inventory: Inventory, faults: dict[str, Reason]) -> None:
    for image in inventory.images:
        if image.sha256 in faults:
            inventory.rejected[image.article_id] = faults[image.sha256]
    inventory.images = [i for i in inventory.images if i.sha256 not in faults]


def _log_progress(logger: logging.Logger, done: int, total: int, started: float) -> None:
    rate = done / max(time.monotonic() - started, 1e-9)
    left = round((total - done) / rate) if rate else 0
    logger.info(
        "embedded %s", fields(done=done, of=total, a_second=f"{rate:.1f}", seconds_left=left)
    )


def _batched(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the values in tuples of `size`; the last may be shorter."""
    iterator = iter(values)
    while batch := tuple(islice(iterator, size)):
        yield batch
