import io

import numpy as np
import pytest
from PIL import Image

from recsys.images.load import ImageFault, Reason, decode, thumbnail

MAX_PIXELS = 10_000


def pixel(data: bytes) -> list[int]:
    """The colour in the middle of the decoded picture."""
    decoded = decode(data, max_pixels=MAX_PIXELS)
    assert decoded.shape == (224, 224, 3)
    assert decoded.dtype == np.uint8
    return [round(float(value)) for value in decoded[112, 112]]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("P", 0, [0, 0, 0]),
        ("I;16", 0x8000, [128, 128, 128]),
        ("RGBA", (0, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (10, 20, 30, 255), [10, 20, 30]),
        ("LA", (50, 255), [50, 50, 50]),
    ],
)
def test_every_mode_becomes_red_green_blue(encode, mode, colour, expected):
    assert pixel(encode(colour, mode=mode)) == expected


def test_a_palette_picture_keeps_its_colours(encode):
    image = Image.new("RGB", (20, 20), (200, 30, 40)).quantize(8)
    assert pixel(encode(np.asarray(image.convert("RGB")), format="GIF")) == [200, 30, 40]


def test_print_colours_are_converted(encode):
    red, green, blue = pixel(encode((0, 255, 255, 0), mode="CMYK", format="JPEG", quality=100))
    assert red > 250 and green < 6 and blue < 6


def test_a_turned_picture_is_put_upright(encode):
    content = np.zeros((40, 20, 3), dtype=np.uint8)
    content[:20] = 255  # white above, black below
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    decoded = decode(encode(content, format="JPEG", exif=exif), max_pixels=MAX_PIXELS)
    assert decoded[10, 112, 0] < 10
    assert decoded[214, 112, 0] > 245


def test_damaged_exif_data_do_not_cost_the_picture(encode):
    data = encode((255, 255, 255), format="JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert pixel(data) == [255, 255, 255]


def test_the_picture_is_squeezed_by_bilinear_resampling(encode):
    content = np.zeros((448, 448, 3), dtype=np.uint8)
    content[:, 224:] = 200
    decoded = decode(encode(content), max_pixels=448 * 448)
    assert decoded[:, :111].max() == 0
    assert decoded[:, 113:].min() == 200


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "image_empty"),
        (b"<html>404 Not Found</html>", "not_an_image"),
        (b"\xff\xd8\xff\xe0", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not_an_image"),
    ],
)
def test_what_is_no_image_is_named(data, reason):
    with pytest.raises(ImageFault) as fault:
        decode(data, max_pixels=MAX_PIXELS)
    assert fault.value.reason == reason


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_cut_off_is_named(encode, format):
    noise = np.random.default_rng(1).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    data = encode(noise, format=format)
    with pytest.raises(ImageFault) as fault:
        decode(data[: len(data) // 2], max_pixels=MAX_PIXELS)
    assert fault.value.reason in (Reason.TRUNCATED, Reason.NOT_AN_IMAGE)
    if format != "WEBP":  # whose header names the whole size, so that no reader knows it
        assert fault.value.reason == "image_truncated"


def test_a_decompression_bomb_is_refused_before_it_is_decoded(encode, monkeypatch):
    data = encode(0, mode="1", size=(30_000, 30_000))
    assert len(data) < 200_000
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageFault) as fault:
        decode(data, max_pixels=50_000_000)
    assert fault.value.reason == "image_too_large"


def test_the_limit_itself_is_allowed(encode):
    assert pixel(encode(size=(100, 100))) == [255, 0, 0]
    with pytest.raises(ImageFault):
        decode(encode(size=(100, 101)), max_pixels=MAX_PIXELS)


def test_a_large_jpeg_is_reduced_as_it_is_decoded_and_looks_the_same(encode):
    """A picture of soft shapes, as photographs are, at H&M's usual size."""
    coarse = np.random.default_rng(3).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    content = np.asarray(Image.fromarray(coarse).resize((1166, 1750), Image.Resampling.BICUBIC))
    data = encode(content, format="JPEG", quality=95)
    expected = Image.open(io.BytesIO(data)).resize((224, 224), Image.Resampling.BILINEAR)
    off = np.abs(decode(data, max_pixels=3_000_000).astype(int) - np.asarray(expected))
    assert off.mean() < 0.5
    assert off.max() <= 4


def test_a_thumbnail_is_upright_and_keeps_its_proportions(encode):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    data = encode("red", format="JPEG", size=(900, 600), exif=exif)
    small = Image.open(io.BytesIO(thumbnail(data, max_pixels=1_000_000, height=150)))
    assert (small.format, small.size) == ("JPEG", (100, 150))
    with pytest.raises(ImageFault):
        thumbnail(b"", max_pixels=1_000_000, height=150)
