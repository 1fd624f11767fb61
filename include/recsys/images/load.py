"""Decode product images safely: pixels for the network, or the named reason why there are none."""

import io
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]

#: Height and width of the network's input.
SIZE = 224
#: A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where at least so much of it remains: twice what
#: is wanted, from which resampling is as good as from the whole (Pillow's `reducing_gap` of 2).
REDUCED = 2 * SIZE
#: Raised whenever the same file gives other pixels: older vectors are then not reused.
PREPARATION = 2
#: What a shop's pictures come as; Pillow's other readers are never tried on them.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

# `decode` checks the configured number of pixels itself, before it decodes any.
Image.MAX_IMAGE_PIXELS = None


class Reason(StrEnum):
    """Why an article has no vector."""

    MISSING = "image_missing"
    UNREADABLE = "image_unreadable"
    EMPTY = "image_empty"
    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "image_too_large"
    TRUNCATED = "image_truncated"


class ImageFault(Exception):  # noqa: N818 - a finding about one row, not an error of the job
    """One image cannot be used, for a named reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(str(reason))


def decode(data: bytes, *, max_pixels: int) -> Pixels:
    """Return an image file's pixels, `[SIZE, SIZE, 3]` red, green, blue.

    Turned as its EXIF orientation says, transparency laid on white, squeezed to a square by
    bilinear resampling, as Keras's own loader does; a large JPEG is reduced while it is decoded.

    Raises:
        ImageFault: empty, not an image, more than `max_pixels` pixels, or cut off.
    """
    with _upright_rgb(data, max_pixels, at_least=REDUCED) as image:
        return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def thumbnail(data: bytes, *, max_pixels: int, height: int) -> bytes:
    """Return a small JPEG of an image file, upright and in its own proportions.

    Raises:
        ImageFault: as `decode`.
    """
    with _upright_rgb(data, max_pixels, at_least=height) as image:
        image.thumbnail((height, height))
        small = io.BytesIO()
        image.save(small, "JPEG", quality=80)
    return small.getvalue()


def _upright_rgb(data: bytes, max_pixels: int, *, at_least: int) -> Image.Image:
    """Return the decoded image; a JPEG's sides may be shorter, but none than `at_least`."""
    if not data:
        raise ImageFault(Reason.EMPTY)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise ImageFault(Reason.TOO_LARGE)
            image.draft(None, (at_least, at_least))
            return _to_rgb(_upright(image))
    except UnidentifiedImageError as error:
        raise ImageFault(Reason.NOT_AN_IMAGE) from error
    except ImageFault:
        raise
    except Exception as error:
        # A damaged file can fail anywhere in a decoder: whatever it raises is a fault of the file.
        raise ImageFault(Reason.TRUNCATED) from error


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        # Most are upright, and Pillow would copy them.
        is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if is_turned else image
    except Exception:
        # Pillow raises many kinds here; whichever it is, the EXIF data are damaged, and the pixels,
        # which `load` has just read, are whole.
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow clips 16-bit grey to white; its upper byte is the grey meant.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
