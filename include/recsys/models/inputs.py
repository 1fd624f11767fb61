"""What the models see of one cutoff: dense arrays, indexed by key, made from the lake.

No TensorFlow here: the arrays serve training, inference and evaluation alike.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.columns import FIRST_KEY
from recsys.columns import Columns as C
from recsys.examples.encode import ARTICLE_CATEGORIES, Encoder, Int32, codes
from recsys.examples.numbers import Float32, floats
from recsys.features.rows import TASTES, Catalogue, CustomerRows
from recsys.job import ALL_TIME
from recsys.paths import Partition
from recsys.schemas import AGE_BANDS
from recsys.storage import Lake

#: Embeddings are reduced in blocks of so many articles, to bound the memory.
BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything known before one cutoff. Row k of an array is key k; 0 pads, 1 is unknown.

    cutoff: features are of `t_dat < cutoff`.
    customer_numbers: float32 [customers, Fc], standardised, missing -> 0 (and a flag).
    customer_categories: int32 [customers, Cc], codes of the encoder, 0 unknown.
    customers: what pair features need: recent_articles int32, recent_days float32 and
        recent_quantities float32 [customers, L], latest first, 0 = padding; mean_price and age
        float32 [customers], NaN unknown.
    age_bands: int8 [customers], index into `schemas.AGE_BANDS`.
    article_numbers: float32 [articles, Fa]; article_categories: int32 [articles, Ca].
    image_vectors: float32 [articles, p], reduced by the model's own PCA; zero without an image.
    catalogue: what pair features need, by article: product_code (dense, -1 unknown), tastes,
        mean_price (NaN never sold), mean_customer_age (NaN unknown).
    is_on_sale: bool [articles], sold in the last features.on_sale_days; never the keys 0 and 1.
    sales_7d: float32 [articles], pieces in the last 7 days.
    """

    cutoff: date
    customer_numbers: Float32
    customer_categories: Int32
    customers: CustomerRows
    age_bands: npt.NDArray[np.int8]
    article_numbers: Float32
    article_categories: Int32
    image_vectors: Float32
    catalogue: Catalogue
    is_on_sale: npt.NDArray[np.bool_]
    sales_7d: Float32

    @property
    def recent_articles(self) -> Int32:
        """int32 [customers, L]: distinct articles, latest first, 0 = padding."""
        return self.customers.recent_articles

    @property
    def recent_days(self) -> Float32:
        """float32 [customers, L]: days since the article's last purchase, >= 1."""
        return self.customers.recent_days

    @property
    def recent_quantities(self) -> Float32:
        """float32 [customers, L]: pieces ever bought of the article."""
        return self.customers.recent_quantities

    @property
    def mean_price(self) -> Float32:
        """float32 [articles], NaN: never sold."""
        return self.catalogue.mean_price

    @property
    def mean_customer_age(self) -> Float32:
        """float32 [articles], years, NaN: unknown."""
        return self.catalogue.mean_customer_age


@dataclass(frozen=True)
class Pca:
    """How a model reduces image embeddings: `(embeddings - mean) @ components.T * scale`.

    mean: float32 [2048]; components: float32 [p, 2048]; scale brings the mean length to 1.
    """

    mean: Float32
    components: Float32
    scale: float

    def reduce(self, embeddings: Float32) -> Float32:
        """Return float32 [n, p] of embeddings [n, 2048], which may be a memory map."""
        reduced = np.empty((len(embeddings), len(self.components)), np.float32)
        for start in range(0, len(embeddings), BLOCK):
            block = slice(start, start + BLOCK)
            reduced[block] = (embeddings[block] - self.mean) @ self.components.T * self.scale
        return reduced

    def save(self, path: Path) -> None:
        """Write the arrays as .npz."""
        np.savez(path, mean=self.mean, components=self.components, scale=self.scale)

    @classmethod
    def load(cls, path: Path) -> "Pca":
        """Return what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["mean"], arrays["components"], float(arrays["scale"]))


def load_pca(lake: Lake) -> Pca | None:
    """Return the PCA of images.embeddings, scaled to vectors of mean length 1; None: no images."""
    with lake.local_path(Partition("images.embeddings", ALL_TIME)) as folder:
        if not len(np.load(folder / "article_keys.npy", allow_pickle=False)):
            return None
        reduced = np.load(folder / "reduced.npy", allow_pickle=False)
        with np.load(folder / "pca.npz", allow_pickle=False) as arrays:
            mean, components = arrays["mean"], arrays["components"]
    length = float(np.linalg.norm(reduced, axis=1).mean())
    return Pca(
        mean.astype(np.float32), components.astype(np.float32), 1 / length if length > 0 else 1.0
    )


def load_snapshot(
    lake: Lake, cutoff: date, run_date: date, encoder: Encoder, pca: Pca | None = None
) -> Snapshot:
    """Return the arrays of one cutoff.

    Args:
        lake: has features.*[cutoff], cleaned.articles[run_date] and, with `pca`, images.
        cutoff: features are as of this day; at night it is the run date itself.
        run_date: which catalogue counts; its keys bound the arrays.
        encoder: of the model that will read the arrays.
        pca: of the same model; None makes image vectors of width 0.

    Raises:
        MissingPartitionError: naming the job to run first.
    """
    articles = lake.read(
        Partition("cleaned.articles", str(run_date)),
        columns=sorted({*ARTICLE_CATEGORIES, *TASTES.values()}),
    )
    features = lake.read(Partition("features.articles", str(cutoff)))
    customers = lake.read(Partition("features.customers", str(cutoff)))
    images = load_image_vectors(lake, pca)
    return build_snapshot(
        customers, features, articles, cutoff=cutoff, encoder=encoder, images=images
    )


def load_image_vectors(lake: Lake, pca: Pca | None) -> tuple[Int32, Float32]:
    """Return article keys int32 [n] and reduced vectors float32 [n, p]; n = p = 0 without PCA."""
    if pca is None:
        return np.empty(0, np.int32), np.empty((0, 0), np.float32)
    with lake.local_path(Partition("images.embeddings", ALL_TIME)) as folder:
        keys = np.load(folder / "article_keys.npy", allow_pickle=False)
        embeddings = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
        return keys, pca.reduce(embeddings)


def build_snapshot(
    customers: pa.Table,
    features: pa.Table,
    articles: pa.Table,
    *,
    cutoff: date,
    encoder: Encoder,
    images: tuple[Int32, Float32],
) -> Snapshot:
    """Return the arrays of features.customers, features.articles and cleaned.articles tables.

    Rows of the tables may come in any order; a key without a row has the neutral row of zeros.
    """
    customer_keys = customers[C.CUSTOMER_KEY].to_numpy()
    feature_keys, keys = features[C.ARTICLE_KEY].to_numpy(), articles[C.ARTICLE_KEY].to_numpy()
    people = max(FIRST_KEY, int(customer_keys.max(initial=0)) + 1)
    things = max(FIRST_KEY, *(int(k.max(initial=0)) + 1 for k in (feature_keys, keys)))
    customer_numbers, customer_codes = encoder.encode_customers(customers)
    article_numbers, article_codes = encoder.encode_articles(features, articles)
    rows = CustomerRows.from_table(customers, cutoff=cutoff, length=encoder.history_length)
    known = images[0] < things  # an image may belong to an article of a later catalogue
    bands = codes(customers[C.AGE_BAND], AGE_BANDS)
    unknown_band = AGE_BANDS.index("unknown")
    return Snapshot(
        cutoff=cutoff,
        customer_numbers=_spread(customer_numbers, customer_keys, people),
        customer_categories=_spread(customer_codes, customer_keys, people),
        customers=_spread_rows(rows, customer_keys, people),
        age_bands=_spread(
            np.where(bands > 0, bands - 1, unknown_band).astype(np.int8),
            customer_keys,
            people,
            missing=unknown_band,
        ),
        article_numbers=_spread(article_numbers, feature_keys, things),
        article_categories=_spread(article_codes, keys, things),
        image_vectors=_spread(images[1][known], images[0][known], things),
        catalogue=Catalogue.from_tables(articles, features),
        is_on_sale=_spread(
            pc.fill_null(features["is_on_sale"], False).to_numpy(), feature_keys, things
        ),
        sales_7d=_spread(floats(features["sales_7d"]), feature_keys, things),
    )


def _spread(
    values: npt.NDArray[Any], keys: npt.NDArray[Any], size: int, missing: float = 0
) -> npt.NDArray[Any]:
    spread = np.full((size, *values.shape[1:]), missing, values.dtype)
    spread[keys] = values
    return spread


def _spread_rows(rows: CustomerRows, keys: npt.NDArray[Any], size: int) -> CustomerRows:
    return CustomerRows(
        recent_articles=_spread(rows.recent_articles, keys, size),
        recent_days=_spread(rows.recent_days, keys, size),
        recent_quantities=_spread(rows.recent_quantities, keys, size),
        mean_price=_spread(rows.mean_price, keys, size, np.nan),
        age=_spread(rows.age, keys, size, np.nan),
        cutoff=rows.cutoff,
    )
