"""Runs the job `embed_images` with a small network in place of ResNet152, as a process of its own.

Usage: python -m tests.promises.images SECONDS FLAG...

SECONDS are slept after each batch, so that there is time to kill it.
"""

import sys
import time
from typing import Any
from unittest.mock import patch

import numpy as np
from jobs import embed_images
from tests.recsys.images.engines.small import small_network

from recsys.images.engines.choose import Choice
from recsys.images.engines.engine import Engine

BATCH = 8


class SmallBatches:
    """An engine that gets few images at a time."""

    batch_size = BATCH

    def __init__(self, engine: Engine, seconds: float) -> None:
        self.engine, self.seconds = engine, seconds

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        time.sleep(self.seconds)
        return self.engine.embed(pixels)


def main(argv: list[str]) -> int:
    build = Choice.build

    def build_small(choice: Choice, load: Any, *, batch_size: int) -> Engine:
        engine = build(choice, small_network, batch_size=batch_size)
        return SmallBatches(engine, float(argv[0]))

    with patch.object(Choice, "build", build_small):
        return embed_images.main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
