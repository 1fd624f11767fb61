"""Where candidates come from: the towers, and five plain tables of what people buy.

Five sources offer articles that the customer never bought; the sixth offers what he did buy. So
candidates know no purchase policy: it is applied when they are ranked, and no past purchase takes
the place of something new. Every candidate is on sale, past purchases too: on real grocery
purchases, repurchase lists score MAP@12 0.175 with and without what is off sale.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsys.columns import FIRST_KEY, PADDING_KEY
from recsys.columns import Columns as C
from recsys.config import CandidatesConfig
from recsys.features.popularity import chain
from recsys.inference.candidates import Candidates
from recsys.inference.ease import fit_ease, history_of
from recsys.inference.purchases import PastPurchases, read_purchases
from recsys.inference.ragged import Keys, Ragged
from recsys.inference.taste import Taste, find_favourites
from recsys.inference.topk import Floats, Nearest
from recsys.models.inputs import Snapshot
from recsys.models.registry import TrainedModel
from recsys.paths import Partition
from recsys.schemas import AGE_BANDS, EVERYONE
from recsys.storage import Lake
from recsys.threads import in_threads

#: What a customer can have a taste in, names of `features.rows.TASTES`, and the days in
#: which the best sellers of each kind sold.
TASTES, TASTE_DAYS = ("product_type", "department"), 28
#: Customers whose candidates are found at once.
BLOCK_CUSTOMERS = 1024

SEGMENTS = (*AGE_BANDS, EVERYONE)


@dataclass(frozen=True, eq=False)
class Sources:
    """What the sources know as of one cutoff; `articles` counts keys, 0 and 1 among them.

    purchases: of all customers.
    is_on_sale: bool [articles].
    best_sellers: row = index into SEGMENTS; articles on sale, best first.
    popular: int32 [SEGMENTS, articles - 2]: every article, in the order to offer them in; those on
        sale come first.
    copurchased: float32 [articles, articles], cosine; only columns on sale.
    ease: float32 [articles, articles], see `recsys.inference.ease`; only columns on sale.
    tastes: of product types and of departments.
    same_product: float32 [articles, articles], 1 / rank among the product's best selling variants.
    """

    purchases: PastPurchases
    is_on_sale: NDArray[np.bool_]
    best_sellers: Ragged
    popular: Keys
    copurchased: csr_array
    ease: csr_array
    tastes: tuple[Taste, ...]
    same_product: csr_array

    @classmethod
    def build(
        cls,
        snapshot: Snapshot,
        *,
        purchases: pa.Table,
        popularity: pa.Table,
        copurchases: pa.Table,
        config: CandidatesConfig,
        ease: csr_array | None = None,
    ) -> Self:
        """Return the sources of PURCHASES, features.popularity and features.copurchases tables."""
        best_sellers = best_sellers_of(popularity, snapshot.is_on_sale)
        past = PastPurchases.of(purchases, customers=len(snapshot.age_bands))
        if ease is None:
            ease = fit_ease(past, snapshot.is_on_sale, config.ease)
        return cls(
            purchases=past,
            is_on_sale=snapshot.is_on_sale,
            best_sellers=best_sellers,
            popular=popular_orders(best_sellers, snapshot),
            copurchased=_copurchased(copurchases, snapshot.is_on_sale),
            ease=ease,
            tastes=_tastes(past, snapshot),
            same_product=_same_product(snapshot, limit=config.same_product),
        )


def load_sources(
    lake: Lake,
    snapshot: Snapshot,
    *,
    transactions: Partition,
    config: CandidatesConfig,
    ease: csr_array | None = None,
) -> Sources:
    """Return the snapshot's sources; `ease` where it was fitted before.

    `transactions` is cleaned.transactions of any run date: only days before the cutoff are read.
    """
    cutoff = snapshot.cutoff
    return Sources.build(
        snapshot,
        purchases=read_purchases(lake, transactions, cutoff=cutoff),
        popularity=lake.read(Partition("features.popularity", str(cutoff))),
        copurchases=lake.read(Partition("features.copurchases", str(cutoff))),
        config=config,
        ease=ease,
    )


def find_candidates(
    model: TrainedModel,
    snapshot: Snapshot,
    sources: Sources,
    customer_keys: Keys,
    *,
    config: CandidatesConfig,
) -> Iterator[Candidates]:
    """Yield the candidates of customers [n], scored by the towers, BLOCK_CUSTOMERS at a time."""
    nearest = Nearest(model.article_vectors(snapshot), allowed=sources.is_on_sale)

    def find(start: int) -> Candidates:
        keys = customer_keys[start : start + BLOCK_CUSTOMERS]
        vectors = model.customer_vectors(snapshot, keys)
        bands = snapshot.age_bands[keys]
        return _find(sources, keys, (vectors, nearest), bands, config=config)

    yield from in_threads(find, range(0, len(customer_keys), BLOCK_CUSTOMERS))


def _find(
    sources: Sources,
    customer_keys: Keys,
    towers: tuple[Floats, Nearest],
    bands: NDArray[np.int8],
    *,
    config: CandidatesConfig,
) -> Candidates:
    """Return the candidates of customers [n] with age bands [n].

    `towers` are the vectors of these customers, [n, dim], and the articles that may be offered.
    """
    (vectors, articles), on_sale = towers, sources.is_on_sale
    past = sources.purchases.take(customer_keys)
    bought = past.articles
    nearest, _ = articles.top_k(vectors, config.towers, excluded=bought)
    close = product(history_of(past), sources.ease)
    offers = {
        "towers": Ragged.of_matrix(nearest),
        "popular": _popular_new(sources, bands, bought, config.popular),
        "copurchased": close.where(close.weights > 0).without(bought).best(config.copurchased),
        "same_product": related(sources.same_product, bought, bought, limit=config.same_product),
        "taste": find_favourites(sources.tastes, bought, limit=config.taste),
        "past_purchase": bought.where(on_sale[bought.keys]).best(config.past_purchases),
    }
    found = Candidates.union(customer_keys, offers)
    scores = found.articles.dot(vectors, articles.vectors)
    return replace(found, scores=scores, copurchase_scores=close.look_up(found.articles))


def product(history: Ragged, closeness: csr_array) -> Ragged:
    """Return how close each article is to each of n histories: the weighted sum of closeness."""
    return Ragged.of_sparse(history.to_sparse(closeness.shape[0]) @ closeness)


def related(closeness: csr_array, history: Ragged, bought: Ragged, *, limit: int) -> Ragged:
    """Return the articles closest to what each customer bought, but not bought, best first.

    Args:
        closeness: [articles, articles], how close each article (a row) is to each other one.
        history: n rows of purchases and how much each weighs.
        bought: n rows of what must not come back.
        limit: how many a customer.
    """
    return product(history, closeness).without(bought).best(limit)


def _popular_new(sources: Sources, bands: NDArray[np.int8], bought: Ragged, limit: int) -> Ragged:
    """Return each customer's first `limit` popular articles on sale that he has not bought."""
    longest = int(bought.lengths.max(initial=0))
    offered = sources.popular[:, : limit + min(longest, limit)][bands]
    unfit = bought.marks(offered) | ~sources.is_on_sale[offered]
    return Ragged.of_matrix(np.where(unfit, PADDING_KEY, offered)).first(limit)


def _tastes(purchases: PastPurchases, snapshot: Snapshot) -> tuple[Taste, ...]:
    recent = purchases.articles.keys[purchases.fact("days_since") <= TASTE_DAYS]
    customers = np.bincount(recent, minlength=len(snapshot.is_on_sale)) * snapshot.is_on_sale
    codes = snapshot.catalogue.tastes
    return tuple(Taste.of(codes[name], customers) for name in TASTES if name in codes)


def best_sellers_of(table: pa.Table, is_on_sale: NDArray[np.bool_]) -> Ragged:
    """Return a features.popularity table as rows of SEGMENTS, only what is on sale."""
    table = table.sort_by([(C.RANK, "ascending")])
    keys = table[C.ARTICLE_KEY].to_numpy()
    segments = pc.index_in(table[C.AGE_BAND], pa.array(SEGMENTS)).to_numpy()
    best = Ragged.group(segments, keys, count=len(SEGMENTS))
    return best.where(is_on_sale[best.keys])


def popular_orders(best_sellers: Ragged, snapshot: Snapshot) -> Keys:
    """Return every article in each segment's order: its best sellers and everyone's in turn, since
    a week of a small segment is mostly chance, then the rest by last week's sales. What is off sale
    comes last, the latest keys first: only a customer who bought all else is ever offered it."""
    on_sale = np.flatnonzero(snapshot.is_on_sale).astype(np.int32)
    by_sales = on_sale[np.argsort(-snapshot.sales_7d[on_sale], kind="stable")]
    off_sale = np.flatnonzero(~snapshot.is_on_sale).astype(np.int32)
    off_sale = off_sale[off_sale >= FIRST_KEY][::-1]
    everyone = best_sellers.take([SEGMENTS.index(EVERYONE)]).keys
    orders = []
    for segment in range(len(SEGMENTS)):
        own = best_sellers.take([segment]).keys
        orders.append(chain(alternate(own, everyone), by_sales, off_sale))
    return np.stack(orders)


def alternate(first: Keys, second: Keys) -> Keys:
    """Return the entries of both in turn, beginning with the first's.

    >>> alternate(np.array([1, 2, 3]), np.array([7])).tolist()
    [1, 7, 2, 3]
    """
    places = np.concatenate([2 * np.arange(len(first)), 2 * np.arange(len(second)) + 1])
    return np.concatenate([first, second])[np.argsort(places)]


def _copurchased(table: pa.Table, is_on_sale: NDArray[np.bool_]) -> csr_array:
    table = table.filter(pa.array(is_on_sale[table["other_article_key"].to_numpy()]))
    cells = (table[C.ARTICLE_KEY].to_numpy(), table["other_article_key"].to_numpy())
    scores = table[C.SCORE].to_numpy().astype(np.float32)
    return csr_array((scores, cells), shape=(len(is_on_sale), len(is_on_sale)))


def _same_product(snapshot: Snapshot, *, limit: int) -> csr_array:
    """Return 1 / rank of a product's `limit` best selling variants for each of its articles."""
    products = snapshot.catalogue.product_code
    size = len(products)
    on_sale = np.flatnonzero(snapshot.is_on_sale & (products >= 0))
    order = on_sale[np.lexsort((-snapshot.sales_7d[on_sale], products[on_sale]))]
    variants = Ragged.group(products[order], order, count=int(products.max(initial=-1)) + 1)
    variants = variants.first(limit)
    members = np.flatnonzero(products >= 0)
    near = variants.take(products[members])
    ranks = np.arange(len(near.keys)) - near.offsets[near.rows] + 1
    cells = (members[near.rows], near.keys)
    return csr_array(((1 / ranks).astype(np.float32), cells), shape=(size, size))
