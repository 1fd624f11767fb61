"""The one thing that the rest of the code knows of an engine."""

from typing import Protocol

import numpy as np

from recsys.images.load import Pixels
from recsys.images.matrix import FloatArray


class Engine(Protocol):
    """Turns pixels into vectors."""

    @property
    def batch_size(self) -> int:
        """How many images it likes to get at a time."""

    def embed(self, pixels: Pixels) -> FloatArray:
        """Return the vectors `[n, DIM]` of images `[n, SIZE, SIZE, 3]`, n <= batch_size.

        An image's vector depends on the image alone: neither on its place in the batch, nor on the
        others there, nor on how many they are.
        """


def padded(pixels: Pixels, count: int) -> Pixels:
    """Return so many images, black ones after those given: engines compile for one number."""
    if len(pixels) == count:
        return pixels
    whole = np.zeros((count, *pixels.shape[1:]), np.uint8)
    whole[: len(pixels)] = pixels
    return whole
