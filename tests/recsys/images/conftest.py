"""Image files of every kind, and a small stand-in for the network."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recsys.paths import image_path


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Return the bytes of an image in a format; an array, or one colour of a size."""

    def make(
        content: object = "red", *, mode: str = "RGB", size=(30, 40), format="PNG", **options
    ) -> bytes:
        image = (
            Image.fromarray(content)
            if isinstance(content, np.ndarray)
            else Image.new(mode, size, content)
        )
        buffer = io.BytesIO()
        image.save(buffer, format=format, **options)
        return buffer.getvalue()

    return make


@pytest.fixture
def put_image(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write an article's image into the data folder `tmp_path / "data"`."""

    def put(article_id: str, content: bytes) -> Path:
        path = tmp_path / "data" / image_path(article_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return put
