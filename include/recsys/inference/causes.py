"""Why an article is recommended: who offered it, and which purchase made them do so."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsys.compiled import compiled
from recsys.inference.candidates import Candidates
from recsys.inference.ease import history_of
from recsys.inference.purchases import PastPurchases
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.sources import SEGMENTS, TASTES
from recsys.models.inputs import Snapshot
from recsys.schemas import AGE_BANDS, SOURCES

Codes = NDArray[np.int64]

#: What a person is told, by source. The first source in this order that offered an article counts:
#: what is known of the customer comes before what everyone buys, and the towers' guess comes last.
REASONS: dict[str, str] = {
    "past_purchase": "bought before",
    "same_product": "another variant of something bought",
    "copurchased": "often bought together with something bought",
    "taste": "popular among the kinds of things you buy",
    "popular": "popular now",
    "towers": "picked for you",
}
#: The same where the cause is known: a purchased article's key, or days.
CAUSED: dict[str, str] = {
    "past_purchase": "bought {days} days ago",
    "same_product": "another variant of {article}",
    "copurchased": "often bought together with {article}",
    "taste": "popular, and of a kind with {article}",
}
A_DAY_AGO, AT_YOUR_AGE, NO_REASON = "bought a day ago", "popular at your age", ""
TEXTS = (*REASONS.values(), *CAUSED.values(), A_DAY_AGO, AT_YOUR_AGE, NO_REASON)

BOUGHT, VARIANT, TOGETHER, KIND, POPULAR, _ = range(len(REASONS))


class History(NamedTuple):
    """What n customers bought; a customer's articles ascend."""

    offsets: Codes  # [n + 1]
    keys: Keys  # [entries]
    weights: NDArray[np.float32]  # [entries], how much each says of the customer
    days: Keys  # [entries], since the last purchase


class Links(NamedTuple):
    """What connects articles."""

    offsets: Codes  # [articles + 1], into `speakers`, which ascend
    speakers: Keys  # [links], articles that speak for this one
    voices: NDArray[np.float32]  # [links], how much each does
    products: Keys  # [articles], codes, -1 unknown
    kinds: Keys  # [sorts, articles], codes, -1 unknown


@dataclass(frozen=True, eq=False)
class Causes:
    """All that tells why.

    purchases: of all customers.
    links: between articles.
    at_age: bool [segments, articles], the best sellers of each age band.
    """

    purchases: PastPurchases
    links: Links
    at_age: NDArray[np.bool_]

    @classmethod
    def of(
        cls, snapshot: Snapshot, purchases: PastPurchases, ease: csr_array, best_sellers: Ragged
    ) -> Self:
        """Return the causes of a snapshot, see `Sources`."""
        catalogue, size = snapshot.catalogue, len(snapshot.is_on_sale)
        towards = csr_array(ease.T)
        towards.sort_indices()
        sorts = [catalogue.tastes[name] for name in TASTES if name in catalogue.tastes]
        links = Links(
            towards.indptr.astype(np.int64),
            towards.indices.astype(np.int32),
            towards.data.astype(np.float32),
            catalogue.product_code,
            np.array(sorts, np.int32).reshape(-1, size),
        )
        at_age = np.zeros((len(SEGMENTS), size), bool)
        at_age[best_sellers.rows, best_sellers.keys] = True
        at_age[AGE_BANDS.index("unknown") :] = False
        return cls(purchases, links, at_age)

    def explain(
        self, candidates: Candidates, best: Codes, segments: NDArray[np.integer]
    ) -> tuple[pa.Array, Keys]:
        """Return the reasons of the candidates [m] that lists are made of, and their causes [m].

        Args:
            candidates: of n customers.
            best: [m], entries of theirs.
            segments: [n], rows of `at_age`.
        """
        rows, keys = candidates.rows[best], candidates.article_keys[best]
        past = self.purchases.take(candidates.customer_keys)
        liked = history_of(past)
        history = History(
            liked.offsets, liked.keys, liked.weights, past.fact("days_since").astype(np.int32)
        )
        sources = source_codes(candidates.sources[best])
        causes = find_causes(sources, rows, keys, history, self.links)
        texts = np.where(causes > 0, sources + len(REASONS), sources)
        yesterday = (sources == BOUGHT) & (causes == 1)
        texts[yesterday], causes[yesterday] = TEXTS.index(A_DAY_AGO), 0
        at_age = (sources == POPULAR) & self.at_age[segments[rows], keys]
        texts[at_age] = TEXTS.index(AT_YOUR_AGE)
        return as_texts(texts), causes


def source_codes(sources: Keys) -> Codes:
    """Return the place in REASONS of the source that counts, of sums of source bits [m].

    >>> source_codes(np.array([SOURCES["popular"] + SOURCES["towers"], 0])).tolist() == [
    ...     POPULAR, TEXTS.index(NO_REASON)]
    True
    """
    offered = [(sources & SOURCES[source]) > 0 for source in REASONS]
    return np.select(offered, list(range(len(REASONS))), TEXTS.index(NO_REASON))


def as_texts(codes: Codes) -> pa.Array:
    """Return entries of TEXTS as strings."""
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), list(TEXTS)).dictionary_decode()


@compiled
def find_causes(sources: Codes, rows: Codes, keys: Keys, history: History, links: Links) -> Keys:
    """Return what each source offered an article for [m]: an article, for BOUGHT days; 0: unknown.

    Of several purchases the one that says most counts, and of equal ones that of the lowest key.

    Args:
        sources: [m], places in REASONS.
        rows: [m], customers of `history`.
        keys: [m], articles.
        history: of n customers.
        links: between articles.
    """
    causes = np.zeros(len(keys), np.int32)
    for place in range(len(keys)):
        source, key = sources[place], keys[place]
        start, stop = history.offsets[rows[place]], history.offsets[rows[place] + 1]
        if source == BOUGHT:
            causes[place] = days_since(key, history, start, stop)
        elif source == VARIANT:
            causes[place] = most_liked(links.products, key, history, start, stop)
        elif source == TOGETHER:
            causes[place] = loudest(key, links, history, start, stop)
        elif source == KIND:
            for sort in range(len(links.kinds)):
                if causes[place] == 0:
                    causes[place] = most_liked(links.kinds[sort], key, history, start, stop)
    return causes


@compiled
def days_since(key: int, history: History, start: int, stop: int) -> int:
    """Return the days since a customer's last purchase of an article; 0: he never bought it."""
    entry = start + np.searchsorted(history.keys[start:stop], key)
    return history.days[entry] if entry < stop and history.keys[entry] == key else 0


@compiled
def most_liked(codes: Keys, key: int, history: History, start: int, stop: int) -> int:
    """Return the customer's favourite among the other articles of one code; 0: there is none."""
    cause, most = 0, np.float32(0)
    for entry in range(start, stop):
        other, weight = history.keys[entry], history.weights[entry]
        if other != key and codes[key] >= 0 and codes[other] == codes[key] and weight > most:
            cause, most = other, weight
    return cause


@compiled
def loudest(key: int, links: Links, history: History, start: int, stop: int) -> int:
    """Return the purchase that speaks most for an article; 0: none does."""
    cause, most = 0, np.float32(0)
    for link in range(links.offsets[key], links.offsets[key + 1]):
        other = links.speakers[link]
        entry = start + np.searchsorted(history.keys[start:stop], other)
        if entry < stop and history.keys[entry] == other:
            voice = links.voices[link] * history.weights[entry]
            if voice > most:
                cause, most = other, voice
    return cause
