"""A contact sheet: for a few articles, their image and those that look most like it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.columns import Columns as C
from recsys.images.inventory import ImageFile, ImageFolder, Inventory
from recsys.images.load import ImageFault, thumbnail
from recsys.images.matrix import FloatArray, Matrix

ARTICLES, NEIGHBOURS = 8, 6
HEIGHT = 150


@dataclass(frozen=True)
class Picture:
    """One article's image on the sheet."""

    article_id: str
    caption: str
    #: The image as a data address; empty where its file cannot be read any more.
    source: str
    #: The cosine to the first image of its row.
    score: float


@dataclass(frozen=True)
class ContactSheet:
    """Draws rows of pictures: where they come from, and what is written below them."""

    folder: ImageFolder
    captions: Mapping[str, str]
    max_pixels: int

    @classmethod
    def of(cls, folder: ImageFolder, articles: pa.Table, *, max_pixels: int) -> Self:
        """Return sheets that name an article by its product and its colour."""
        columns = (C.ARTICLE_ID, "prod_name", "colour_group_name")
        ids, names, colours = (articles[name].to_pylist() for name in columns)
        rows = zip(ids, names, colours, strict=True)
        return cls(folder, {i: f"{name}, {colour}" for i, name, colour in rows}, max_pixels)

    def rows(self, inventory: Inventory, vectors: Matrix, *, seed: int) -> list[list[Picture]]:
        """Return a row for each of a few articles drawn by the seed: itself, then its nearest.

        Args:
            inventory: its images are those of the vectors' rows.
            vectors: [n, p], by whose cosines images are near.
            seed: of the drawing.
        """
        count, width = vectors.shape
        if count < 2 or not width:
            return []
        drawn = np.random.default_rng(seed).choice(count, min(ARTICLES, count), replace=False)
        drawn.sort()
        near, scores = nearest(vectors, drawn, limit=min(NEIGHBOURS, count - 1))
        return [
            [
                self._picture(inventory.images[row], score)
                for row, score in zip([at, *rows], [1.0, *cosines], strict=True)
            ]
            for at, rows, cosines in zip(drawn, near, scores, strict=True)
        ]

    def _picture(self, image: ImageFile, score: float) -> Picture:
        try:
            data = self.folder.read(image.article_id)
            small = thumbnail(data, max_pixels=self.max_pixels, height=HEIGHT)
            source = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
        except (OSError, ImageFault):
            source = ""
        caption = self.captions.get(image.article_id, "")
        return Picture(image.article_id, caption, source, float(score))


def nearest(
    vectors: Matrix, drawn: npt.NDArray[np.int64], *, limit: int
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the rows nearest to those drawn, and their cosines, both [drawn, limit].

    None is its own neighbour; ties are ordered by row.
    """
    queries = _unit(vectors.take(drawn))
    blocks = [queries @ _unit(block).T for block in vectors.blocks()]
    cosines = np.concatenate(blocks, axis=1)
    cosines[np.arange(len(drawn)), drawn] = -np.inf
    rows = np.argsort(-cosines, axis=1, kind="stable")[:, :limit]
    return rows, np.take_along_axis(cosines, rows, axis=1)


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
