"""Embed the images that have no vector yet: decoding ahead of the engine, shard by shard."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TypeVar

import numpy as np

from recsys.config import ImagesConfig
from recsys.errors import RecsysError
from recsys.images.engines.engine import Engine
from recsys.images.inventory import ImageFile, ImageFolder, Inventory
from recsys.images.load import ImageFault, Pixels, Reason, decode
from recsys.images.matrix import FloatArray
from recsys.images.store import VectorStore
from recsys.log import fields
from recsys.threads import in_threads_ahead

T = TypeVar("T")


@dataclass
class Seconds:
    """Where the time went.

    `decode` is of all threads together, beside the engine; the engine was idle during `wait` and
    `write`.
    """

    start: float = 0.0
    decode: float = 0.0
    wait: float = 0.0
    engine: float = 0.0
    write: float = 0.0


@dataclass
class Embedding:
    """What one run of the engine came to."""

    wanted: int = 0
    embedded: int = 0
    faults: dict[str, Reason] = field(default_factory=dict)
    seconds: Seconds = field(default_factory=Seconds)
    started: float = field(default_factory=time.monotonic)

    def facts(self) -> dict[str, float]:
        """Return the seconds by kind, and images a second since the engine stood."""
        working = self.seconds.wait + self.seconds.engine + self.seconds.write
        facts = {f"{kind}_seconds": round(s, 2) for kind, s in asdict(self.seconds).items()}
        return facts | {"images_per_second": round(self.embedded / working, 1) if working else 0.0}

    def counts(self, inventory: Inventory) -> dict[str, int]:
        """Return how many of the inventory's images were embedded now, and how many before."""
        now = {i.sha256 for i in inventory.images}
        return {"embedded": self.embedded, "reused": len(now) - self.embedded}

    def log(self, logger: logging.Logger) -> None:
        """Say how far it is, and how long it will take."""
        done = self.embedded + len(self.faults)
        rate = done / max(time.monotonic() - self.started, 1e-9)
        left = round((self.wanted - done) / rate)
        logger.info(
            "embedded %s",
            fields(done=done, of=self.wanted, a_second=f"{rate:.1f}", seconds_left=left),
        )


def embed_missing(
    inventory: Inventory,
    folder: ImageFolder,
    store: VectorStore,
    build: Callable[[], Engine],
    *,
    config: ImagesConfig,
    logger: logging.Logger,
) -> Embedding:
    """Embed every image without a vector into the store.

    Images that cannot be decoded leave the inventory's images for its rejected ones. The engine is
    built only where there is a picture to embed.
    """
    wanted = {i.sha256: i for i in inventory.images if i.sha256 not in store}
    run = Embedding(len(wanted))
    decoded = in_threads_ahead(
        partial(_decode, folder, config.max_pixels),
        wanted.values(),
        workers=config.workers or os.cpu_count() or 1,
        ahead=config.decode_ahead,
    )
    usable = _usable(decoded, run)
    for shard in _batched(_embed(usable, build, run), config.shard_articles):
        started = time.monotonic()
        store.add([sha for sha, _ in shard], np.stack([vector for _, vector in shard]))
        run.seconds.write += time.monotonic() - started
        run.log(logger)
    _reject(inventory, run.faults)
    return run


def _embed(
    usable: Iterator[tuple[str, Pixels]], build: Callable[[], Engine], run: Embedding
) -> Iterator[tuple[str, FloatArray]]:
    """Yield each picture's sha256 and vector [DIM]."""
    first = next(usable, None)
    if first is None:
        return
    run.started = time.monotonic()
    engine = build()
    run.seconds.start = time.monotonic() - run.started
    run.seconds.wait = 0.0  # the first picture came before the engine
    for batch in _batched(chain([first], usable), engine.batch_size):
        started = time.monotonic()
        vectors = engine.embed(np.stack([pixels for _, pixels in batch]))
        run.seconds.engine += time.monotonic() - started
        run.embedded += len(batch)
        yield from zip((sha for sha, _ in batch), vectors, strict=True)


def _usable(
    decoded: Iterator[tuple[ImageFile, Pixels | Reason, float]], run: Embedding
) -> Iterator[tuple[str, Pixels]]:
    """Yield the sha256 and the pixels of images that can be decoded; keep the others' faults."""
    while True:
        started = time.monotonic()
        found = next(decoded, None)
        run.seconds.wait += time.monotonic() - started
        if found is None:
            return
        image, pixels, seconds = found
        run.seconds.decode += seconds
        if isinstance(pixels, Reason):
            run.faults[image.sha256] = pixels
        else:
            yield image.sha256, pixels


def _decode(
    folder: ImageFolder, max_pixels: int, image: ImageFile
) -> tuple[ImageFile, Pixels | Reason, float]:
    """Return the image, its pixels or why it has none, and the seconds that took."""
    started = time.monotonic()
    try:
        data = folder.read(image.article_id)
    except OSError:
        return image, Reason.UNREADABLE, 0.0
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise RecsysError(f"the image of {image.article_id} changed while it was read: run again")
    try:
        pixels: Pixels | Reason = decode(data, max_pixels=max_pixels)
    except ImageFault as fault:
        pixels = fault.reason
    return image, pixels, time.monotonic() - started


def _reject(inventory: Inventory, faults: dict[str, Reason]) -> None:
    for image in inventory.images:
        if image.sha256 in faults:
            inventory.rejected[image.article_id] = faults[image.sha256]
    inventory.images = [i for i in inventory.images if i.sha256 not in faults]


def _batched(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the values in tuples of `size`; the last may be shorter."""
    iterator = iter(values)
    while batch := tuple(islice(iterator, size)):
        yield batch
