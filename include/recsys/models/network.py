"""The whole network: both towers and the ranker, with every weight known before any data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from recsys.models.ranking import PairRanker
from recsys.models.towers import HALF_LIVES_DAYS, CategoryEmbedding, HistoryPooling, Tower


@dataclass(frozen=True)
class NetworkShape:
    """What the weights' sizes follow from; saved in the model's file."""

    customer_numbers: int
    customer_sizes: tuple[int, ...]
    article_numbers: int
    article_sizes: tuple[int, ...]
    image_width: int
    interactions: int
    dim: int
    tower_units: tuple[int, ...]
    ranker_units: tuple[int, ...]
    temperature: float
    mixed_precision: bool = False


class Recommender(keras.Model):  # type: ignore[misc]
    """Two towers into one space of `dim`, and a ranker on top of them.

    An article's content (embeddings of its categories plus its image) serves twice: in the
    candidate tower, and in the query tower for the articles that a customer bought lately. No
    customer has weights of its own, hence new customers and new articles need no new training.
    """

    def __init__(self, shape: NetworkShape | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = s = shape if isinstance(shape, NetworkShape) else NetworkShape(**shape)
        policy = "mixed_bfloat16" if s.mixed_precision else "float32"
        self.article_categories = CategoryEmbedding(s.article_sizes, s.dim)
        self.customer_categories = CategoryEmbedding(s.customer_sizes, s.dim)
        self.image = (
            keras.layers.Dense(s.dim, use_bias=False, dtype=policy) if s.image_width else None
        )
        if self.image is not None:
            self.image.build((None, s.image_width))
        self.pooling = HistoryPooling()
        self.candidate_tower = Tower(s.dim + s.article_numbers, s.tower_units, s.dim, policy=policy)
        self.query_tower = Tower(
            s.customer_numbers + s.dim * (1 + len(HALF_LIVES_DAYS)),
            s.tower_units,
            s.dim,
            policy=policy,
        )
        self.ranker = PairRanker(
            customer_inputs=s.dim + s.customer_numbers,
            article_inputs=s.dim + s.article_numbers,
            pair_inputs=s.dim + 1 + s.interactions,
            units=s.ranker_units,
            policy=policy,
        )
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal network, weights aside."""
        return {"shape": asdict(self.sizes)}

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def content(self, categories: Any, images: Any) -> Any:
        """Return [n, dim] of categories int32 [n, Ca] and reduced images [n, p]."""
        return self.with_images(self.article_categories(categories), images)

    def with_images(self, content: Any, images: Any) -> Any:
        """Return [n, dim] of what the categories say [n, dim] and reduced images [n, p]."""
        return content if self.image is None else content + ops.cast(self.image(images), "float32")

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def article_vectors(self, contents: Any, numbers: Any) -> Any:
        """Return unit vectors [n, dim] of contents [n, dim] and numbers [n, Fa]."""
        return self.candidate_tower(ops.concatenate([contents, numbers], axis=1))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def customer_vectors(
        self,
        numbers: Any,
        categories: Any,
        contents: Any,
        *,
        recent: Any,
        days: Any,
        quantities: Any,
    ) -> Any:
        """Return unit vectors [n, dim].

        Args:
            numbers: [n, Fc].
            categories: int32 [n, Cc].
            contents: [articles, dim], what `content` returned.
            recent: int32 [n, L], the customer's articles as rows of `contents`; row 0 is padding.
            days: [n, L] since each of them was bought.
            quantities: [n, L] pieces of each of them.
        """
        pooled = self.pooling(tf.gather(contents, recent), recent > 0, days, quantities)
        features = [numbers, self.customer_categories(categories), pooled]
        return self.query_tower(ops.concatenate(features, axis=1))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def rank_customers(self, vectors: Any, numbers: Any) -> Any:
        """Return the customers' part of the ranker's first layer float32 [n, first]."""
        part = self.ranker.customer_part(ops.concatenate([vectors, numbers], axis=1))
        return ops.cast(part, "float32")

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def rank_articles(self, vectors: Any, numbers: Any) -> Any:
        """Return the articles' part of the ranker's first layer float32 [n, first]."""
        part = self.ranker.article_part(ops.concatenate([vectors, numbers], axis=1))
        return ops.cast(part, "float32")

    def rank_pairs(
        self, customer_parts: Any, article_parts: Any, products: Any, interactions: Any
    ) -> Any:
        """Return logits [n, m].

        Args:
            customer_parts: [n, first], what `rank_customers` made of the customers' vectors.
            article_parts: [n, m, first], what `rank_articles` made of the articles' vectors.
            products: [n, m, dim] of both vectors; their sum is the cosine.
            interactions: [n, m, P], standardised.
        """
        cosine = ops.sum(products, axis=-1, keepdims=True) / self.sizes.temperature
        # Products of unit vectors are small; times dim they have the size of other inputs.
        pairs = ops.concatenate([products * self.sizes.dim, cosine, interactions], axis=-1)
        return self.ranker(customer_parts, article_parts, pairs)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def probabilities(self, customers: Any, articles: Any, keys: Any, interactions: Any) -> Any:
        """Return probabilities [n, m].

        Args:
            customers: vectors [n, dim], and what `rank_customers` made of them.
            articles: vectors [articles, dim], and what `rank_articles` made of them.
            keys: int32 [n, m], rows of `articles`.
            interactions: [n, m, P].
        """
        vectors, customer_parts = customers
        article_vectors, parts = (tf.gather(array, keys) for array in articles)
        products = ops.expand_dims(vectors, 1) * article_vectors
        return ops.sigmoid(self.rank_pairs(customer_parts, parts, products, interactions))
