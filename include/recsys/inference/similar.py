"""Articles alike: in how they look, in who buys them, and in what they are bought with."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import FIRST_KEY, PADDING_KEY
from recsys.columns import Columns as C
from recsys.inference.ragged import Ragged
from recsys.inference.topk import Floats, top_k
from recsys.schemas import SIMILAR_ARTICLES

#: Pairs whose vectors are multiplied at a time.
BLOCK_PAIRS = 1 << 16


@dataclass(frozen=True)
class Pairs:
    """Articles, others and a number of each pair, all [pairs]."""

    keys: NDArray[np.int64]
    others: NDArray[np.int64]
    scores: Floats

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Return the pairs chosen."""
        return Pairs(self.keys[chosen], self.others[chosen], self.scores[chosen])


def similar_articles(
    images: Floats,
    behaviour: Floats,
    copurchases: pa.Table,
    *,
    is_on_sale: NDArray[np.bool_],
    image_share: float,
    copurchase_share: float,
    limit: int,
) -> pa.Table:
    """Return each article's most similar ones, in the layout of recommendations.similar_articles.

    The score is `1 - copurchase_share` times the cosine of both vectors joined, plus
    `copurchase_share` times how often both are bought together, as a share of the article's most
    frequent companion. Joined, vectors have a cosine of `image_share` times the images' plus the
    rest times the towers'; an article without an image is compared by the towers alone. Ties are
    ordered by key; an article has fewer than `limit` rows where fewer others are on sale.

    The result is exact where `copurchase_share` is below 1: whoever is not bought with an article
    can only be among its best as one of the `limit` nearest, since being bought together never
    lowers a score.

    Args:
        images: [articles, p], zero without an image; an article's row is its key.
        behaviour: [articles, dim], the towers' article vectors; zero: unknown to them.
        copurchases: FEATURES_COPURCHASES.
        is_on_sale: [articles]; only these are offered, to every article.
        image_share: in [0, 1].
        copurchase_share: in [0, 1].
        limit: rows an article.
    """
    joined = [_unit(images) * image_share**0.5, _unit(behaviour) * (1 - image_share) ** 0.5]
    vectors = _unit(np.concatenate(joined, axis=1))
    together = _bought_together(copurchases, is_on_sale)
    near = _nearest(vectors, is_on_sale, limit)
    near = near.where(~np.isin(_codes(near, len(vectors)), _codes(together, len(vectors))))
    cosines = np.concatenate([near.scores, _cosines(vectors, together)])
    companions = np.concatenate([np.zeros(len(near.keys)), together.scores])
    scores = (1 - copurchase_share) * cosines + copurchase_share * companions
    keys = np.concatenate([near.keys, together.keys])
    others = np.concatenate([near.others, together.others])
    return _best(Pairs(keys, others, scores.astype(np.float32)), limit)


def _nearest(vectors: Floats, is_on_sale: NDArray[np.bool_], limit: int) -> Pairs:
    """Return each article's `limit` nearest ones on sale, but for itself, with their cosines."""
    keys = np.arange(FIRST_KEY, len(vectors))
    itself = Ragged.of_matrix(keys[:, None].astype(np.int32))
    near, cosines = top_k(vectors[FIRST_KEY:], vectors, limit, allowed=is_on_sale, excluded=itself)
    found = near != PADDING_KEY
    return Pairs(np.repeat(keys, found.sum(axis=1)), near[found].astype(np.int64), cosines[found])


def _bought_together(copurchases: pa.Table, is_on_sale: NDArray[np.bool_]) -> Pairs:
    """Return pairs whose other is on sale; scores are shares of the article's largest."""
    names = (C.ARTICLE_KEY, "other_article_key", C.SCORE)
    keys, others, scores = (copurchases[name].to_numpy() for name in names)
    largest = np.zeros(len(is_on_sale), np.float32)
    known = (keys < len(is_on_sale)) & (others < len(is_on_sale)) & (keys != others)
    pairs = Pairs(keys.astype(np.int64), others.astype(np.int64), scores).where(known)
    np.maximum.at(largest, pairs.keys, pairs.scores)
    pairs = Pairs(pairs.keys, pairs.others, pairs.scores / largest[pairs.keys])
    return pairs.where(is_on_sale[pairs.others])


def _cosines(vectors: Floats, pairs: Pairs) -> Floats:
    """Return the products of pairs of vectors of length 1, summed as `top_k` does."""
    cosines = np.empty(len(pairs.keys), np.float32)
    for start in range(0, len(cosines), BLOCK_PAIRS):
        block = slice(start, start + BLOCK_PAIRS)
        one, other = vectors[pairs.keys[block]], vectors[pairs.others[block]]
        cosines[block] = np.einsum("nd,nd->n", one, other, dtype=np.float64)
    return cosines


def _best(pairs: Pairs, limit: int) -> pa.Table:
    """Return the `limit` pairs of each article with the highest scores, ranked from 1."""
    order = np.lexsort((pairs.others, -pairs.scores, pairs.keys))
    keys = pairs.keys[order]
    ranks = np.arange(len(keys)) - np.searchsorted(keys, keys) + 1
    best = ranks <= limit
    columns = [keys, ranks, pairs.others[order], pairs.scores[order]]
    arrays = [
        pa.array(c[best]).cast(f.type) for c, f in zip(columns, SIMILAR_ARTICLES, strict=True)
    ]
    return pa.table(arrays, schema=SIMILAR_ARTICLES)


def _codes(pairs: Pairs, articles: int) -> NDArray[np.int64]:
    """Return a number of its own for each pair."""
    return pairs.keys * articles + pairs.others


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
