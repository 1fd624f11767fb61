"""Drawn product pictures: the outline tells the type, the fill the colour, the pattern the print.

Articles alike in all three look alike; a little jitter of place, size and pattern makes each one
its own picture.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from recsys.simulate.catalogue import TYPE_NAMES, Catalogue, FloatArray
from recsys.simulate.vocabulary import APPEARANCES, COLOURS, TYPES

WIDTH, HEIGHT = 240, 320
BACKGROUND = (228, 228, 226)

Point = tuple[float, float]
#: Outlines on a unit square, x to the right and y down; each is a list of filled polygons. Only
#: the left half is listed where a shape is its own mirror image.
HALVES: Final[dict[str, tuple[tuple[Point, ...], ...]]] = {
    "tshirt": (((0.5, 0.22), (0.42, 0.17), (0.30, 0.20), (0.12, 0.36), (0.22, 0.45), (0.31, 0.39),
                (0.30, 0.82), (0.5, 0.82)),),
    "shirt": (((0.5, 0.26), (0.44, 0.14), (0.30, 0.19), (0.10, 0.62), (0.20, 0.66), (0.31, 0.42),
               (0.29, 0.84), (0.49, 0.87), (0.49, 0.26)),),
    "longsleeve": (((0.5, 0.21), (0.42, 0.17), (0.30, 0.20), (0.10, 0.70), (0.20, 0.74),
                    (0.31, 0.45), (0.30, 0.80), (0.5, 0.80)),),
    "hoodie": (((0.5, 0.08), (0.40, 0.10), (0.37, 0.20), (0.27, 0.23), (0.09, 0.72), (0.21, 0.76),
                (0.29, 0.48), (0.28, 0.84), (0.5, 0.84)),),
    "vest": (((0.5, 0.30), (0.43, 0.28), (0.40, 0.12), (0.36, 0.12), (0.35, 0.28), (0.29, 0.40),
              (0.30, 0.82), (0.5, 0.82)),),
    "coat": (((0.49, 0.34), (0.42, 0.12), (0.28, 0.17), (0.09, 0.68), (0.20, 0.72), (0.28, 0.44),
              (0.25, 0.92), (0.49, 0.92)),),
    "dress": (((0.5, 0.19), (0.43, 0.17), (0.40, 0.08), (0.37, 0.08), (0.34, 0.26), (0.37, 0.44),
               (0.17, 0.90), (0.5, 0.93)),),
    "jumpsuit": (((0.5, 0.22), (0.42, 0.12), (0.33, 0.14), (0.24, 0.34), (0.33, 0.36),
                  (0.35, 0.48), (0.25, 0.94), (0.44, 0.94), (0.5, 0.60)),),
    "trousers": (((0.5, 0.08), (0.33, 0.08), (0.24, 0.93), (0.43, 0.93), (0.5, 0.38)),),
    "leggings": (((0.5, 0.07), (0.37, 0.07), (0.32, 0.40), (0.37, 0.95), (0.45, 0.95),
                  (0.5, 0.36)),),
    "shorts": (((0.5, 0.25), (0.31, 0.25), (0.20, 0.70), (0.45, 0.74), (0.5, 0.50)),),
    "skirt": (((0.5, 0.18), (0.36, 0.18), (0.18, 0.78), (0.5, 0.83)),),
    "bra": (((0.5, 0.46), (0.40, 0.38), (0.36, 0.18), (0.33, 0.18), (0.30, 0.40), (0.14, 0.50),
             (0.14, 0.58), (0.36, 0.64), (0.5, 0.57)),),
    "briefs": (((0.5, 0.38), (0.17, 0.36), (0.18, 0.46), (0.38, 0.66), (0.5, 0.70)),),
    "swimsuit": (((0.5, 0.32), (0.41, 0.26), (0.38, 0.10), (0.35, 0.10), (0.32, 0.30),
                  (0.35, 0.50), (0.30, 0.68), (0.44, 0.86), (0.5, 0.87)),),
    "bag": (((0.5, 0.24), (0.40, 0.26), (0.34, 0.42), (0.38, 0.42), (0.43, 0.30), (0.5, 0.28)),
            ((0.5, 0.42), (0.20, 0.42), (0.15, 0.80), (0.5, 0.80))),
    "hat": (((0.5, 0.26), (0.36, 0.30), (0.28, 0.46), (0.27, 0.60), (0.5, 0.60)),
            ((0.5, 0.62), (0.24, 0.62), (0.24, 0.72), (0.5, 0.72))),
    "glasses": (((0.5, 0.45), (0.44, 0.43), (0.44, 0.47), (0.5, 0.49)),
                ((0.45, 0.42), (0.18, 0.42), (0.18, 0.50), (0.24, 0.58), (0.38, 0.58),
                 (0.45, 0.50))),
    "ring": (((0.5, 0.25), (0.38, 0.28), (0.29, 0.38), (0.26, 0.50), (0.29, 0.62), (0.38, 0.72),
              (0.5, 0.75), (0.5, 0.68), (0.41, 0.66), (0.35, 0.59), (0.33, 0.50), (0.35, 0.41),
              (0.41, 0.34), (0.5, 0.32)),),
}  # fmt: skip
WHOLES: Final[dict[str, tuple[tuple[Point, ...], ...]]] = {
    "socks": (((0.22, 0.18), (0.38, 0.18), (0.38, 0.56), (0.50, 0.72), (0.42, 0.80), (0.22, 0.62)),
              ((0.52, 0.18), (0.68, 0.18), (0.68, 0.56), (0.80, 0.72), (0.72, 0.80), (0.52, 0.62))),
    "shoe": (((0.12, 0.44), (0.30, 0.42), (0.44, 0.54), (0.74, 0.58), (0.88, 0.66), (0.88, 0.72),
              (0.12, 0.72)),),
    "boot": (((0.26, 0.18), (0.50, 0.18), (0.50, 0.58), (0.76, 0.66), (0.82, 0.78), (0.26, 0.78)),),
    "belt": (((0.08, 0.46), (0.80, 0.46), (0.80, 0.54), (0.08, 0.54)),
             ((0.78, 0.42), (0.92, 0.42), (0.92, 0.58), (0.78, 0.58))),
    "scarf": (((0.30, 0.12), (0.50, 0.20), (0.70, 0.12), (0.74, 0.24), (0.58, 0.32), (0.66, 0.88),
               (0.50, 0.88), (0.46, 0.34), (0.38, 0.76), (0.24, 0.74), (0.38, 0.30),
               (0.26, 0.24)),),
}  # fmt: skip


def draw_picture(catalogue: Catalogue, at: int, *, seed: int) -> Image.Image:
    """Return the RGB picture, WIDTH x HEIGHT, of the article at a position of the catalogue."""
    rng = np.random.default_rng([seed, int(catalogue.product_code[at]), int(catalogue.variant[at])])
    kind = int(catalogue.type[at])
    shape = TYPES[TYPE_NAMES[kind]].shape if kind >= 0 else "bag"
    look = int(catalogue.appearance[at])
    pattern = PATTERNS[APPEARANCES[look].pattern if look >= 0 else "solid"]
    mask = _mask(shape, rng)
    # Patterns of one product are one design: their size comes from its code.
    size = 9 + int(catalogue.product_code[at]) % 5
    fill = _fill(COLOURS[catalogue.colour[at]].rgb, pattern(rng, size))
    background = np.array(BACKGROUND, dtype=float)
    pixels = background + mask[:, :, None] * (fill - background)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")


def _mask(shape: str, rng: np.random.Generator) -> FloatArray:
    """Return how much of each pixel the garment covers, `[HEIGHT, WIDTH]` in 0..1."""
    scale = rng.uniform(0.95, 1.03)
    shift = rng.uniform(-0.02, 0.02, size=2)
    # Drawn at twice the size and reduced, which smooths the edge.
    image = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    pen = ImageDraw.Draw(image)
    for polygon in _polygons(shape):
        unit = (np.array(polygon) - 0.5) * scale + 0.5 + shift
        points = unit * (2 * WIDTH, 2 * HEIGHT)
        pen.polygon([(float(x), float(y)) for x, y in points], fill=255)
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    covered: FloatArray = np.asarray(small, dtype=float) / 255
    return covered


def _polygons(shape: str) -> list[tuple[Point, ...]]:
    if shape in WHOLES:
        return list(WHOLES[shape])
    left = HALVES[shape]
    return [*left, *(tuple((1 - x, y) for x, y in polygon) for polygon in left)]


def _fill(rgb: tuple[int, int, int], pattern: FloatArray) -> FloatArray:
    """Return the cloth, `[HEIGHT, WIDTH, 3]`; the pattern mixes the colour with its contrast."""
    base = np.array(rgb, dtype=float)
    contrast = np.array((245.0, 242.0, 235.0)) if base.mean() < 150 else base * 0.45
    # Folds: a soft light from the left.
    light = 1.0 - 0.10 * np.linspace(0, 1, WIDTH)[None, :, None]
    cloth: FloatArray = (base + pattern[:, :, None] * (contrast - base)) * light
    return cloth


def _grid() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return rows, columns


def _solid(rng: np.random.Generator, size: int) -> FloatArray:
    return np.zeros((HEIGHT, WIDTH))


def _stripe(rng: np.random.Generator, size: int) -> FloatArray:
    rows, _ = _grid()
    return ((rows + rng.integers(size)) % (2 * size) < size) * 0.9


def _check(rng: np.random.Generator, size: int) -> FloatArray:
    rows, columns = _grid()
    across, down = rows % (2 * size) < size, columns % (2 * size) < size
    return 0.4 * across + 0.4 * down


def _dot(rng: np.random.Generator, size: int) -> FloatArray:
    rows, columns = _grid()
    step = 2 * size
    away = (rows % step - size) ** 2 + (columns % step - size) ** 2
    return (away < (0.45 * size) ** 2) * 0.95


def _blobs(rng: np.random.Generator, size: int) -> FloatArray:
    """Scatter shapes all over: a coarse random field, smoothed and cut at a level."""
    coarse = rng.random((HEIGHT // size + 2, WIDTH // size + 2)) * 255
    image = Image.fromarray(coarse.astype(np.uint8), "L")
    field = np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=float)
    return (field > 150) * 0.85


def _melange(rng: np.random.Generator, size: int) -> FloatArray:
    return np.repeat(rng.uniform(0.0, 0.45, (HEIGHT // 2, WIDTH)), 2, axis=0)


def _denim(rng: np.random.Generator, size: int) -> FloatArray:
    rows, columns = _grid()
    twill = 0.16 * ((rows + columns) % 4 < 2)
    seams = 0.5 * ((np.abs(columns - WIDTH // 3) < 1) | (np.abs(columns - 2 * WIDTH // 3) < 1))
    return twill + seams + rng.uniform(0.0, 0.06, (HEIGHT, WIDTH))


def _print(rng: np.random.Generator, size: int) -> FloatArray:
    rows, columns = _grid()
    away = ((rows - 0.42 * HEIGHT) / 1.2) ** 2 + (columns - 0.5 * WIDTH) ** 2
    return ((away < (3.2 * size) ** 2) & (away > (1.6 * size) ** 2)) * 0.95


def _block(rng: np.random.Generator, size: int) -> FloatArray:
    rows, _ = _grid()
    return (rows > (0.40 + 0.01 * size) * HEIGHT) * 0.8


def _lace(rng: np.random.Generator, size: int) -> FloatArray:
    rows, columns = _grid()
    return 0.7 * (np.sin(rows * 4 / size) * np.sin(columns * 4 / size) > 0.25)


def _glitter(rng: np.random.Generator, size: int) -> FloatArray:
    return (rng.random((HEIGHT, WIDTH)) > 0.93) * 1.0


PATTERNS: Final[dict[str, Callable[[np.random.Generator, int], FloatArray]]] = {
    "solid": _solid, "stripe": _stripe, "check": _check, "dot": _dot, "blobs": _blobs,
    "melange": _melange, "denim": _denim, "print": _print, "block": _block, "lace": _lace,
    "glitter": _glitter,
}  # fmt: skip
