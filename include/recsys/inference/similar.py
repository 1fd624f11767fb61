"""Articles alike: in how they look and in who buys them."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import FIRST_KEY, PADDING_KEY
from recsys.inference.ragged import Ragged
from recsys.inference.topk import Floats, top_k
from recsys.schemas import SIMILAR_ARTICLES


def similar_articles(
    images: Floats,
    behaviour: Floats,
    *,
    is_on_sale: NDArray[np.bool_],
    image_share: float,
    limit: int,
) -> pa.Table:
    """Return each article's most similar ones, in the layout of recommendations.similar_articles.

    The score is the cosine of both vectors joined: `image_share` times the images' cosine plus the
    rest times the towers'. An article without an image is compared by behaviour alone. Ties are
    ordered by key; an article has fewer than `limit` rows where fewer others are on sale.

    Args:
        images: [articles, p], zero without an image; an article's row is its key.
        behaviour: [articles, dim], the towers' article vectors; zero: unknown to them.
        is_on_sale: [articles]; only these are offered, to every article.
        image_share: in [0, 1].
        limit: rows an article.
    """
    joined = [_unit(images) * image_share**0.5, _unit(behaviour) * (1 - image_share) ** 0.5]
    vectors = _unit(np.concatenate(joined, axis=1))
    keys = np.arange(FIRST_KEY, len(vectors), dtype=np.int32)
    itself = Ragged.of_matrix(keys[:, None])
    near, scores = top_k(vectors[FIRST_KEY:], vectors, limit, allowed=is_on_sale, excluded=itself)
    found = near != PADDING_KEY
    ranks = np.broadcast_to(np.arange(1, limit + 1, dtype=np.int16), near.shape)
    columns = [np.repeat(keys, found.sum(axis=1)), ranks[found], near[found], scores[found]]
    return pa.table(columns, schema=SIMILAR_ARTICLES)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
