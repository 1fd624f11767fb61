"""What may be wrong with a list, looked for in all lists of a block by compiled code."""

import numpy as np
import numpy.typing as npt

from recsys.compiled import compiled
from recsys.serving.listed import Keys, Mask
from recsys.serving.lists import Block

#: What stands for the cause in a reason.
ARTICLE, DAYS = "{article}", "{days}"
#: What is said of a customer, {k} being the length of lists; a bit each, from the lowest.
FAULTS = (
    "whose ranks are not 1 to {k}",
    "with an article twice",
    "with an article that is not in the catalogue",
    "with a score that is not finite",
    "with a score that rises with rank",
    "with a recommendation without a reason",
    "with a reason that names no article",
    "with a reason that names no days",
)
RANKS, TWICE, UNKNOWN, INFINITE, RISING, NO_REASON, NO_ARTICLE, NO_DAYS = (
    1 << bit for bit in range(len(FAULTS))
)
NAMES_ARTICLE, NAMES_DAYS, MISSING = 1, 2, 4


def find_faults(block: Block, known: Mask) -> dict[str, Mask]:
    """Return for each of FAULTS which lists of a block, [n], have it.

    Args:
        block: n lists.
        known: [keys], of the catalogue's articles.
    """
    texts = block.reasons.dictionary.to_pylist()
    kinds = [NAMES_ARTICLE * (ARTICLE in text) + NAMES_DAYS * (DAYS in text) for text in texts]
    reasons = np.asarray(block.reasons.indices.fill_null(len(texts)), dtype=np.int32)
    marks = _mark(
        (block.ranks, block.articles, block.causes, reasons.reshape(block.articles.shape)),
        block.scores,
        np.array([*kinds, MISSING]),
        known,
    )
    k = block.articles.shape[1]
    return {text.format(k=k): marks >> bit & 1 == 1 for bit, text in enumerate(FAULTS)}


@compiled
def _mark(
    columns: tuple[Keys, Keys, Keys, Keys],
    scores: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int64],
    known: Mask,
) -> npt.NDArray[np.uint8]:
    """Return the bits of what is wrong with each list, [n], of columns [n, k]."""
    ranks, articles, causes, reasons = columns
    marks = np.zeros(len(articles), np.uint8)
    for row in range(len(articles)):
        found = 0
        for at in range(articles.shape[1]):
            article, kind = articles[row, at], kinds[reasons[row, at]]
            found |= RANKS * (ranks[row, at] != at + 1)
            for before in range(at):
                found |= TWICE * (articles[row, before] == article)
            found |= UNKNOWN * (not _is_known(known, article))
            found |= INFINITE * (not np.isfinite(scores[row, at]))
            found |= RISING * (at > 0 and scores[row, at] > scores[row, at - 1])
            found |= NO_REASON * (kind == MISSING)
            found |= NO_ARTICLE * (
                kind & NAMES_ARTICLE != 0 and not _is_known(known, causes[row, at])
            )
            found |= NO_DAYS * (kind & NAMES_DAYS != 0 and causes[row, at] < 1)
        marks[row] = found
    return marks


@compiled
def _is_known(known: Mask, key: int) -> bool:
    return bool(0 <= key < len(known) and known[key])
