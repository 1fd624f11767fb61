"""Which articles may be recommended at all: by kind, by price, and by what the shop has."""

from dataclasses import replace

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from recsys.columns import Columns as C
from recsys.config import ArticlesConfig
from recsys.errors import ConfigError, DataError
from recsys.inference.ragged import Keys
from recsys.job import Job
from recsys.models.inputs import Snapshot
from recsys.store import open_store

Mask = NDArray[np.bool_]

#: Setting -> the column of cleaned.articles whose values it names.
KINDS: dict[str, str] = {
    "product_types": "product_type_name",
    "departments": "department_name",
    "index_groups": "index_group_name",
}


def offered_articles(job: Job, snapshot: Snapshot) -> Mask | None:
    """Return bool [articles], what recommendations.articles lets through; None: everything.

    Raises:
        ConfigError: a setting names a kind that no article is of.
        DataError: the list of what is out of stock cannot be read.
    """
    config = job.config.recommendations.articles
    if config == ArticlesConfig():
        return None
    columns = [C.ARTICLE_KEY, C.ARTICLE_ID, *KINDS.values()]
    articles = job.lake.read(job.partition("cleaned.articles"), columns)
    files = stock_files(config, job.config.data)
    gone = [article_id for file in files for article_id in read_out_of_stock(file)]
    offered = np.zeros(len(snapshot.is_on_sale), bool)
    offered[articles[C.ARTICLE_KEY].to_numpy()] = _kinds_fit(articles, config) & ~np.asarray(
        pc.is_in(articles[C.ARTICLE_ID], pa.array(gone, pa.string()))
    )
    return offered & _prices_fit(snapshot.mean_price, config)


def stock_files(config: ArticlesConfig, data: str) -> list[str]:
    """Return the path or address of the list of what is out of stock, if the settings name one.

    Raises:
        DataError: it is not there.
    """
    name = config.out_of_stock
    if name is None:
        return []
    file = name if "://" in name or name.startswith("/") else f"{data.rstrip('/')}/{name}"
    fs, path = open_store(file)
    if not fs.exists(path):
        raise DataError(f"recommendations.articles.out_of_stock names {file}, which is not there")
    return [file]


def read_out_of_stock(file: str) -> list[str]:
    """Return the article ids of a CSV file's column `article_id`, leading zeros kept.

    Raises:
        DataError: it is no such file.
    """
    options = pyarrow.csv.ConvertOptions(
        column_types={C.ARTICLE_ID: pa.string()}, include_columns=[C.ARTICLE_ID]
    )
    try:
        with fsspec.open(file, "rb", use_listings_cache=False) as source:
            ids = pyarrow.csv.read_csv(source, convert_options=options)[C.ARTICLE_ID]
    except (KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"recommendations.articles.out_of_stock must be a CSV file with a column article_id."
            f" Got {file}: {error}"
        ) from error
    return list(ids.to_pylist())


def offer_only(snapshot: Snapshot, offered: Mask | None) -> Snapshot:
    """Return the snapshot in which nothing else is on sale than what is offered."""
    if offered is None:
        return snapshot
    return replace(snapshot, is_on_sale=snapshot.is_on_sale & offered)


def keep_offered(popular: Keys, offered: Mask | None) -> Keys:
    """Return orders [segments, m] of all articles without those that are not offered."""
    if offered is None:
        return popular
    return popular[offered[popular]].reshape(len(popular), -1)


def _kinds_fit(articles: pa.Table, config: ArticlesConfig) -> Mask:
    fits, unknown = np.ones(len(articles), bool), []
    for setting, column in KINDS.items():
        only, never = getattr(config, setting), getattr(config, f"without_{setting}")
        known = set(articles[column].unique().to_pylist())
        unknown += [f"{column} {name!r}" for name in (*only, *never) if name not in known]
        if only:
            fits &= np.asarray(pc.is_in(articles[column], pa.array(only)))
        if never:
            fits &= ~np.asarray(pc.is_in(articles[column], pa.array(never)))
    if unknown:
        raise ConfigError(
            f"recommendations.articles must name what the catalogue has. No article has"
            f" {', '.join(unknown)}"
        )
    return fits


def _prices_fit(prices: NDArray[np.float32], config: ArticlesConfig) -> Mask:
    """Return bool [articles]; compared in float32, as prices are kept and published."""
    fits = np.ones(len(prices), bool)
    with np.errstate(invalid="ignore"):
        if config.min_price is not None:
            fits &= prices >= np.float32(config.min_price)
        if config.max_price is not None:
            fits &= prices <= np.float32(config.max_price)
    return fits
