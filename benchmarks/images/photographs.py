"""Photographs of H&M's size: drawn articles, and pieces of the two that scikit-learn brings."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_sample_images

from recsys.images.load import decode
from recsys.paths import image_path
from recsys.simulate.catalogue import build_catalogue
from recsys.simulate.pictures import draw_picture
from recsys.simulate.plan import Request
from recsys.threads import in_threads

#: Most of H&M's photographs have this size, and some 300 kB.
WIDTH, HEIGHT, QUALITY = 1166, 1750, 85
MAX_PIXELS = WIDTH * HEIGHT


class Photographs:
    """JPEGs by number: even ones are drawn, odd ones pieces of real photographs."""

    def __init__(self) -> None:
        self._catalogue = build_catalogue(Request())
        self._real = [Image.fromarray(image) for image in load_sample_images().images]

    def jpeg(self, number: int) -> bytes:
        """Return a photograph's file, always the same for a number."""
        rng = np.random.default_rng(number)
        draw = self._piece if number % 2 else self._drawn
        image = draw(number, rng).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        # A camera's noise; without it a picture made larger is a small file.
        grain = rng.normal(scale=5, size=(HEIGHT, WIDTH, 1))
        noisy = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    def _drawn(self, number: int, rng: np.random.Generator) -> Image.Image:
        return draw_picture(self._catalogue, number % len(self._catalogue), seed=number)

    def _piece(self, number: int, rng: np.random.Generator) -> Image.Image:
        """Return a piece of a photograph: any place, zoom, side and tint."""
        image = self._real[number // 2 % len(self._real)]
        height = int(rng.integers(120, image.height + 1))
        width = height * WIDTH // HEIGHT
        left, top = rng.integers(image.width - width + 1), rng.integers(image.height - height + 1)
        piece = image.crop((left, top, left + width, top + height))
        if rng.random() < 0.5:
            piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tinted = np.asarray(piece) * rng.uniform(0.6, 1.1, 3)
        return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))


def article_id(number: int) -> str:
    """Return the article of a file's number."""
    return f"0{number:09d}"


def write_photographs(folder: Path, *, different: int, files: int) -> float:
    """Write a data folder of files and return their mean size in bytes.

    There are so many different pictures, which come again and again; a number behind the end of
    the picture, which no decoder reads, makes each file's content its own.
    """
    made = list(in_threads(Photographs().jpeg, range(different)))
    for number in range(files):
        path = folder / image_path(article_id(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[number % different] + number.to_bytes(4, "big"))
    return sum(map(len, made)) / different


def read_pixels(folder: Path, count: int) -> npt.NDArray[np.uint8]:
    """Return the first pictures decoded, ready for an engine."""

    def pixels(number: int) -> npt.NDArray[np.uint8]:
        data = (folder / image_path(article_id(number))).read_bytes()
        return decode(data, max_pixels=MAX_PIXELS)

    return np.stack(list(in_threads(pixels, range(count))))
