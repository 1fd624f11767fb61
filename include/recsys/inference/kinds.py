"""How customers bought other articles of a candidate's kind, such as its product type."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recsys.compiled import compiled
from recsys.inference.candidates import Candidates
from recsys.inference.purchases import FACTS, PastPurchases
from recsys.inference.ragged import Keys

Floats = NDArray[np.float32]
Offsets = NDArray[np.int64]

#: What is said of a candidate's kind: the share of what the customer likes, the days since it was
#: bought last, how many of its articles were bought, and the candidate's price by theirs.
SAID = ("share", "days_since", "articles", "price_ratio")
_PRICE, _DAYS = FACTS.index("mean_price"), FACTS.index("days_since")


class Entries(NamedTuple):
    """What n customers bought; those of customer i are offsets[i] to offsets[i + 1]."""

    offsets: Offsets
    keys: Keys
    weights: Floats
    facts: Floats

    @classmethod
    def of(cls, past: PastPurchases) -> Self:
        """Return all of it."""
        return cls(past.articles.offsets, past.articles.keys, past.articles.weights, past.facts)


def describe_kind(
    codes: Keys, prices: Floats, candidates: Candidates, past: PastPurchases
) -> dict[str, Floats]:
    """Return SAID of each candidate, float32 [pairs], NaN where unknown.

    Args:
        codes: int32 [articles], dense kinds, -1 unknown.
        prices: float32 [articles].
        candidates: of n customers.
        past: what the same n bought.
    """
    said = np.empty((len(SAID), len(candidates.article_keys)), np.float32)
    wanted = (candidates.offsets, candidates.article_keys)
    _look_up(codes, prices, Entries.of(past), wanted, said)
    return dict(zip(SAID, said, strict=True))


@compiled
def _look_up(
    codes: Keys, prices: Floats, bought: Entries, wanted: tuple[Offsets, Keys], said: Floats
) -> None:
    # Of one customer, by kind: empty again before the next one.
    width = 1
    for code in codes:
        width = max(width, code + 1)
    liked, articles, paid = np.zeros(width), np.zeros(width), np.zeros(width)
    last = np.full(width, np.inf)
    offsets, keys = wanted
    for customer in range(len(offsets) - 1):
        first, end = bought.offsets[customer], bought.offsets[customer + 1]
        total = 0.0
        for entry in range(first, end):
            total += bought.weights[entry]
            code = codes[bought.keys[entry]]
            if code >= 0:
                liked[code] += bought.weights[entry]
                articles[code] += 1
                paid[code] += bought.facts[entry, _PRICE]
                last[code] = min(last[code], bought.facts[entry, _DAYS])
        for pair in range(offsets[customer], offsets[customer + 1]):
            code = codes[keys[pair]]
            there = code >= 0 and articles[code] > 0
            price = np.float32(paid[code] / articles[code]) if there else np.float32(np.nan)
            said[0, pair] = _ratio(np.float32(liked[code] if there else 0.0), np.float32(total))
            said[1, pair] = last[code] if there else np.nan
            said[2, pair] = articles[code] if there else 0.0
            said[3, pair] = _ratio(prices[keys[pair]], price)
        for entry in range(first, end):
            code = codes[bought.keys[entry]]
            if code >= 0:
                liked[code], articles[code], paid[code], last[code] = 0.0, 0.0, 0.0, np.inf


@compiled
def _ratio(above: np.float32, below: np.float32) -> np.float32:
    """Return above / below; NaN where there is nothing to divide by."""
    return above / below if below > 0 else np.float32(np.nan)
