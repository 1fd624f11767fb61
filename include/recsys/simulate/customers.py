"""Customers: who they are in customers.csv, and the tastes that show only in what they buy."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.simulate.catalogue import STYLE_DIMS, FloatArray, IntArray
from recsys.simulate.plan import Request
from recsys.simulate.vocabulary import COLOURS, LINES

BoolArray = npt.NDArray[np.bool_]
#: Customers of one audience and one of so many styles draw from one assortment.
STYLES_PER_AUDIENCE: Final = 8
MASTERS: Final = tuple(sorted({c.master_id for c in COLOURS}))
SECTIONS: Final = tuple(sorted({line.section_no for line in LINES}))
STATUSES: Final = ("ACTIVE", "PRE-CREATE", "LEFT CLUB")
NEWS: Final = ("NONE", "Regularly", "Monthly")


class Audience(NamedTuple):
    """Whom an index is made for: how many they are, which indexes they buy, how old they are."""

    weight: float
    #: Index code -> share of attention; an index that is not named gets a little.
    indexes: dict[str, float]
    #: Share of the younger hump of ages; the rest belongs to the second.
    young_share: float


AUDIENCES: Final = (
    Audience(0.30, {"D": 5, "A": 2, "B": 1.5, "C": 1, "S": 0.5}, 0.92),
    Audience(0.26, {"A": 5, "B": 2, "C": 1, "D": 1.5, "S": 0.6}, 0.60),
    Audience(0.17, {"A": 6, "B": 1.5, "C": 1}, 0.08),
    Audience(0.10, {"F": 8, "S": 1}, 0.60),
    Audience(0.12, {"G": 2, "H": 3, "I": 2, "J": 1.5, "A": 2}, 0.45),
    Audience(0.05, {"S": 6, "B": 1, "F": 1, "A": 1}, 0.75),
)
UNNAMED_INDEX: Final = 0.06
#: Customers who come once and hardly again.
ONCE_SHARE: Final = 0.28


@dataclass(frozen=True)
class Customers:
    """One entry a customer, ordered by customer_id; arrays of one length."""

    ids: list[str]
    fn: BoolArray
    active: BoolArray
    status: IntArray  # position in STATUSES; -1 missing
    news: IntArray  # position in NEWS; -1 missing
    age: IntArray  # years; -1 missing
    postal_codes: list[str]  # the pool
    postal_code: IntArray  # position in the pool
    cluster: IntArray  # audience * STYLES_PER_AUDIENCE + style
    favourite_masters: IntArray  # [customers, 2] positions in MASTERS
    favourite_sections: IntArray  # [customers, 2] positions in SECTIONS
    budget: FloatArray  # taste for dear articles, standard normal
    activity: FloatArray  # relative number of visits
    online: FloatArray  # share of visits in channel 2

    def __len__(self) -> int:
        """Return how many customers there are."""
        return len(self.ids)


def build_customers(request: Request) -> Customers:
    """Return the customers of a request; the same request gives the same customers."""
    rng = request.random("customers")
    n = request.customers
    audience = rng.choice(len(AUDIENCES), size=n, p=[a.weight for a in AUDIENCES])
    style = rng.integers(STYLES_PER_AUDIENCE, size=n)
    pool = max(1, round(n * 352_899 / 1_371_980))
    activity = rng.lognormal(0.0, 1.15, n) * (rng.random(n) >= ONCE_SHARE) + 1e-3
    return Customers(
        ids=sorted(_hex_ids(rng, n)),
        **_memberships(rng, n),
        age=_ages(rng, audience),
        postal_codes=_hex_ids(rng, pool),
        postal_code=np.where(rng.random(n) < 0.085, 0, rng.integers(pool, size=n)),
        cluster=audience * STYLES_PER_AUDIENCE + style,
        favourite_masters=_favourite_masters(rng, n),
        favourite_sections=_favourite_sections(rng, audience),
        budget=rng.normal(size=n),
        activity=np.minimum(activity, np.quantile(activity, 0.9999)),
        online=rng.beta(1.7, 0.69, n),
    )


def cluster_tastes(request: Request) -> FloatArray:
    """Return what each cluster likes in a style, `[clusters, STYLE_DIMS]`."""
    clusters = len(AUDIENCES) * STYLES_PER_AUDIENCE
    return request.random("tastes").normal(size=(clusters, STYLE_DIMS))


def _hex_ids(rng: np.random.Generator, n: int) -> list[str]:
    text = rng.bytes(32 * n).hex()
    return [text[at : at + 64] for at in range(0, 64 * n, 64)]


def _memberships(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Return flags in the real shares: FN goes with Regularly, and Active implies FN."""
    status = rng.choice(4, size=n, p=_shares(1_272_491, 92_960, 467, 6_062)) - 0
    news = rng.choice(4, size=n, p=_shares(877_711, 477_416, 842, 16_009))
    is_reader = (news == 1) | (news == 2)
    fn = np.where(is_reader, rng.random(n) < 0.985, rng.random(n) < 0.007)
    return {
        "fn": fn,
        "active": fn & (rng.random(n) < 0.9716),
        "status": np.where(status == 3, -1, status),
        "news": np.where(news == 3, -1, news),
    }


def _shares(*counts: int) -> FloatArray:
    return np.array(counts) / sum(counts)


def _ages(rng: np.random.Generator, audience: IntArray) -> IntArray:
    """Return ages with a peak at 21, a trough at 35 to 45 and a second hump at 45 to 55."""
    n = len(audience)
    young = 17 + rng.gamma(2.6, 3.0, n)
    second = rng.normal(50.5, 5.5, n)
    any_age = rng.uniform(16, 85, n)
    share = np.array([a.young_share for a in AUDIENCES])[audience]
    age = np.where(rng.random(n) < share, young, second)
    age = np.where(rng.random(n) < 0.08, any_age, age).clip(16, 99).astype(int)
    ages: IntArray = np.where(rng.random(n) < 0.0116, -1, age)
    return ages


def _favourite_masters(rng: np.random.Generator, n: int) -> IntArray:
    """Return two colours a customer, flatter than the catalogue's so that tastes differ."""
    weights = np.array([sum(c.weight for c in COLOURS if c.master_id == m) for m in MASTERS])
    share = np.sqrt(weights) / np.sqrt(weights).sum()
    return rng.choice(len(MASTERS), size=(n, 2), p=share)


def _favourite_sections(rng: np.random.Generator, audience: IntArray) -> IntArray:
    """Return two sections a customer, drawn from what the audience's indexes sell."""
    favourites = np.zeros((len(audience), 2), dtype=np.int64)
    for at in range(len(AUDIENCES)):
        rows = np.flatnonzero(audience == at)
        weights = np.zeros(len(SECTIONS))
        for line, attention in zip(LINES, line_attention(at), strict=True):
            weights[SECTIONS.index(line.section_no)] += line.weight * attention
        share = weights / weights.sum()
        favourites[rows] = rng.choice(len(SECTIONS), size=(len(rows), 2), p=share)
    return favourites


def line_attention(audience: int) -> FloatArray:
    """Return how much an audience looks at each of LINES."""
    indexes = AUDIENCES[audience].indexes
    return np.array([indexes.get(line.index_code, UNNAMED_INDEX) for line in LINES])
