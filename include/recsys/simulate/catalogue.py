"""Articles: what they are, what they cost, when they are on sale and how much they appeal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.simulate.plan import (
    ARTICLES_PER_PRODUCT,
    FIRST_PRODUCT_CODE,
    LAST_PRODUCT_CODE,
    Request,
)
from recsys.simulate.vocabulary import APPEARANCES, COLOURS, DENIM, LINES, TYPES

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating[Any]]

#: Numbers of a style that customers like or not, hidden from the files.
STYLE_DIMS = 8
#: Products that are made to be worn together.
PRODUCTS_PER_LOOK = 5
#: Prices in the files are currency over 590, which gives the known modes 19.99 -> 0.033881.
PRICE_UNIT = 590
PRICE_LADDER_CENTS = np.array(
    [99, 199, 299, 399, 499, 599, 799, 999, 1499, 1999, 2999, 3499, 3999, 4999, 5999, 6999, 7999]
)
TYPE_NAMES = tuple(TYPES)


@dataclass(frozen=True)
class Catalogue:
    """One entry an article, ordered by article_id; arrays of one length."""

    product: IntArray  # position of its product, from 0
    product_code: IntArray
    variant: IntArray  # 1 to 999: a colour of the product
    line: IntArray  # position in LINES
    type: IntArray  # position in TYPE_NAMES; -1 unknown
    appearance: IntArray  # position in APPEARANCES; -1 unknown
    colour: IntArray  # position in COLOURS
    is_master_unknown: npt.NDArray[np.bool_]  # perceived colour master -1
    cents: IntArray  # full price
    launch_week: IntArray  # may be before week 0
    end_week: IntArray  # the first week without it
    half_life_weeks: FloatArray  # demand halves every so many weeks after the launch
    appeal: FloatArray  # relative demand
    season: FloatArray  # -1 winter to 1 summer
    style: FloatArray  # [articles, STYLE_DIMS]
    look: IntArray  # articles of one look go together

    def __len__(self) -> int:
        """Return how many articles there are."""
        return len(self.product)

    @property
    def ids(self) -> list[str]:
        """Article ids: 0, six digits of the product, three of the colour."""
        pairs = zip(self.product_code.tolist(), self.variant.tolist(), strict=True)
        return [f"{code:07d}{variant:03d}" for code, variant in pairs]

    def demand(self, week: int, seasonal_phase: float) -> FloatArray:
        """Return each article's relative demand in a week, 0 while it is not on sale.

        `seasonal_phase` runs from -1 in midwinter to 1 in midsummer.
        """
        age = np.maximum(week - self.launch_week, 0)
        is_on_sale = (week >= self.launch_week) & (week < self.end_week)
        fading = np.exp2(-age / self.half_life_weeks)
        weather = np.exp(1.6 * self.season * seasonal_phase)
        demand: FloatArray = np.where(is_on_sale, self.appeal * fading * weather, 0.0)
        return demand


def build_catalogue(request: Request) -> Catalogue:
    """Return the articles of a request; the same request gives the same articles."""
    rng = request.random("catalogue")
    sizes = _variants(rng, request.articles)
    products = _products(rng, request, len(sizes))
    product = np.repeat(np.arange(len(sizes)), sizes)
    per_article = {name: values[product] for name, values in products.items()}
    per_article |= _articles(rng, per_article, sizes, request)
    return Catalogue(product=product, **per_article)


def _choose(rng: np.random.Generator, weights: Any, size: int) -> IntArray:
    shares = np.asarray(weights, dtype=float)
    chosen: IntArray = rng.choice(len(shares), size=size, p=shares / shares.sum())
    return chosen


def _variants(rng: np.random.Generator, articles: int) -> IntArray:
    """Return how many articles each product has; they sum to `articles`."""
    drawn = rng.geometric(1 / ARTICLES_PER_PRODUCT, size=articles).clip(max=40)
    ends = np.cumsum(drawn)
    last = int(np.searchsorted(ends, articles))
    sizes = drawn[: last + 1].copy()
    sizes[-1] -= ends[last] - articles
    return sizes


def _products(rng: np.random.Generator, request: Request, n: int) -> dict[str, Any]:
    """Return what all colours of a product share, products in order of their launch."""
    line = _choose(rng, [line.weight for line in LINES], n)
    pick = rng.random(n)
    kind = np.array(
        [
            TYPE_NAMES.index(LINES[at].types[int(u * len(LINES[at].types))])
            for at, u in zip(line.tolist(), pick.tolist(), strict=True)
        ]
    )
    types = [TYPES[name] for name in TYPE_NAMES]
    is_basic = np.array([_is_basic(LINES[at]) for at in line.tolist()])
    launch = np.sort(np.floor(rng.uniform(-0.3, 1.0, n) * request.weeks).astype(int))
    weeks = np.where(is_basic, rng.lognormal(4.4, 0.5, n), rng.lognormal(3.5, 0.6, n))
    codes = np.arange(FIRST_PRODUCT_CODE, LAST_PRODUCT_CODE)
    return {
        "product_code": np.sort(rng.choice(codes, size=n, replace=False)),
        "line": line,
        "type": kind,
        "appearance": _appearances(rng, line, kind),
        "cents": _prices(rng, np.array([types[k].price for k in kind.tolist()])),
        "launch_week": launch,
        "life_weeks": np.maximum(3, weeks).astype(int),
        "half_life_weeks": np.where(is_basic, 60.0, rng.uniform(4.0, 14.0, n)),
        "appeal": rng.lognormal(0.0, 1.7, n),
        "season": np.array([types[k].season for k in kind.tolist()]),
        "style": rng.normal(size=(n, STYLE_DIMS)),
        "look": _looks(rng, line, launch),
    }


def _is_basic(line: Any) -> bool:
    return "Basic" in line.department or line.garment in ("Socks and Tights", "Under-, Nightwear")


def _appearances(rng: np.random.Generator, line: IntArray, kind: IntArray) -> IntArray:
    drawn = _choose(rng, [a.weight for a in APPEARANCES], len(line))
    denim_lines = [at for at, one in enumerate(LINES) if "enim" in one.department]
    appearances: IntArray = np.where(np.isin(line, denim_lines), DENIM, drawn)
    return appearances


def _prices(rng: np.random.Generator, typical: FloatArray) -> IntArray:
    """Return the steps of the price ladder next to a type's price, drawn around it."""
    wanted = typical * 100 * rng.lognormal(-0.18, 0.33, len(typical))
    steps = np.abs(np.log(PRICE_LADDER_CENTS)[None, :] - np.log(wanted)[:, None]).argmin(axis=1)
    prices: IntArray = PRICE_LADDER_CENTS[steps]
    return prices


def _looks(rng: np.random.Generator, line: IntArray, launch: IntArray) -> IntArray:
    """Return the look of each product: neighbours in time within one index."""
    index = np.array([ord(LINES[at].index_code) for at in line.tolist()])
    order = np.lexsort((rng.random(len(line)), launch // 4, index))
    rank = np.empty(len(line), dtype=np.int64)
    rank[order] = np.arange(len(line))
    looks: IntArray = rank // PRODUCTS_PER_LOOK
    return looks


def _articles(
    rng: np.random.Generator, shared: dict[str, Any], sizes: IntArray, request: Request
) -> dict[str, Any]:
    """Return what differs between the colours of a product."""
    n = int(sizes.sum())
    # Colour numbers leave gaps, as the real ones do, and stay below 1,000 for 40 colours.
    number = np.cumsum(rng.geometric(0.35, size=n).clip(max=24))
    starts = np.cumsum(sizes) - sizes
    last_before = np.where(starts > 0, number[starts - 1], 0)
    later = rng.geometric(0.6, size=n) - 1
    launch = shared["launch_week"] + 3 * later
    latest = np.minimum(launch, request.weeks - 1)
    life = shared.pop("life_weeks")
    unknown_type = rng.random(n) < 121 / 105_542
    unknown_appearance = rng.random(n) < 52 / 105_542
    return {
        "variant": number - np.repeat(last_before, sizes),
        "colour": _choose(rng, [c.weight for c in COLOURS], n),
        "is_master_unknown": rng.random(n) < 685 / 105_542,
        "type": np.where(unknown_type, -1, shared["type"]),
        "appearance": np.where(unknown_appearance, -1, shared["appearance"]),
        "launch_week": latest,
        "end_week": latest + np.maximum(3, life),
        "appeal": shared["appeal"] * rng.lognormal(0.0, 0.7, n),
    }
