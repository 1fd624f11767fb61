"""What one run publishes, as it stands in the lake."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from recsys.columns import Columns as C
from recsys.config import Policy
from recsys.errors import DataError
from recsys.paths import Partition
from recsys.schemas import RECOMMENDATIONS, check_schema
from recsys.storage import Lake

#: Columns of cleaned.articles that recs.articles shows.
ARTICLE_TEXTS: tuple[str, ...] = (
    C.ARTICLE_ID, C.PRODUCT_CODE, "prod_name", "product_type_name", "product_group_name",
    "graphical_appearance_name", "colour_group_name", "perceived_colour_value_name",
    "perceived_colour_master_name", "department_name", "index_name", "index_group_name",
    "section_name", "garment_group_name", "detail_desc",
)  # fmt: skip

#: A customer and an article.
PAIR = (C.CUSTOMER_KEY, C.ARTICLE_KEY)

#: Columns of features.articles that are published too.
FACTS: tuple[str, ...] = ("mean_price", "days_on_sale", "is_on_sale")

INPUTS: tuple[str, ...] = (
    "cleaned.customers", "cleaned.articles", "cleaned.transactions", "features.articles",
    "features.popularity", "recommendations.lists", "recommendations.offered",
    "recommendations.similar_articles",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a run is made of and made with; equal fingerprints mean equal rows."""

    run_date: str
    source: str
    model_version: str
    policy: Policy
    policy_days: int
    k: int
    fingerprint: str
    inputs: dict[str, str]
    notes: dict[str, Any]
    #: The other settings that say which lists are right, as in `recsys.config.POLICIES`.
    policies: dict[str, Any] = field(default_factory=dict)


class Snapshot:
    """One run date's partitions, with ids for keys. Tables are read when they are first needed."""

    def __init__(self, lake: Lake, run_date: str) -> None:
        self.lake = lake
        self.run_date = date.fromisoformat(run_date)
        self.partitions = {name: Partition(name, run_date) for name in INPUTS}

    @cached_property
    def lists(self) -> Any:
        """The recommendations, to be read in batches; reasons as dictionaries."""
        dataset = self.lake.scan(self.partitions["recommendations.lists"])
        check_schema(dataset.schema, RECOMMENDATIONS, name="recommendations.lists")
        format = pyarrow.dataset.ParquetFileFormat(dictionary_columns={C.REASON})
        return pyarrow.dataset.dataset(dataset.files, filesystem=self.lake.fs, format=format)

    @cached_property
    def customers(self) -> pa.Table:
        """customer_key, customer_id, age_band, one row a customer."""
        columns = [C.CUSTOMER_KEY, C.CUSTOMER_ID, C.AGE_BAND]
        return self._read("cleaned.customers", columns).combine_chunks()

    @cached_property
    def customer_rows(self) -> npt.NDArray[np.int32]:
        """Row of `customers` by customer key; -1 where there is no such customer."""
        return rows_by_key(self.customers.column(C.CUSTOMER_KEY).to_numpy())

    @cached_property
    def articles(self) -> pa.Table:
        """article_key, the texts of recs.articles, mean_price, days_on_sale, is_on_sale; by key."""
        articles = self._read("cleaned.articles", [C.ARTICLE_KEY, *ARTICLE_TEXTS])
        articles = articles.sort_by(C.ARTICLE_KEY)
        features = self._read("features.articles", [C.ARTICLE_KEY, *FACTS])
        facts = take_by_key(features, articles.column(C.ARTICLE_KEY)).select(FACTS)
        on_sale = pc.fill_null(facts.column("is_on_sale"), False)
        facts = facts.set_column(FACTS.index("is_on_sale"), "is_on_sale", on_sale)
        return pa.table([*articles.columns, *facts.columns], names=[*articles.column_names, *FACTS])

    @cached_property
    def article_numbers(self) -> npt.NDArray[np.int64]:
        """The article's id, ten digits, as a number, by article key; 0 where there is none."""
        keys = self.articles.column(C.ARTICLE_KEY).to_numpy()
        numbers = np.zeros(int(keys.max(initial=-1)) + 1, np.int64)
        numbers[keys] = self.articles.column(C.ARTICLE_ID).cast(pa.int64()).to_numpy()
        return numbers

    @cached_property
    def popular(self) -> pa.Table:
        """age_band, rank, article_key, score; of what may be recommended, ranks from 1."""
        columns = [C.AGE_BAND, C.RANK, C.ARTICLE_KEY, C.SCORE]
        popular = self._read("features.popularity", columns)
        offered = self._read("recommendations.offered")[C.ARTICLE_KEY]
        popular = popular.filter(pc.is_in(popular[C.ARTICLE_KEY], offered.combine_chunks()))
        popular = popular.sort_by([(C.AGE_BAND, "ascending"), (C.RANK, "ascending")])
        bands = popular[C.AGE_BAND].combine_chunks().dictionary_encode().indices.to_numpy()
        ranks = np.arange(len(bands), dtype=np.int32) - np.searchsorted(bands, bands) + 1
        return popular.set_column(1, C.RANK, pa.array(ranks.astype(np.int32)))

    @cached_property
    def similar(self) -> pa.Table:
        """article_key, rank, similar_article_key, score; by key and rank."""
        return self._read("recommendations.similar_articles").sort_by(
            [(C.ARTICLE_KEY, "ascending"), (C.RANK, "ascending")]
        )

    def bought(self, policy: Policy, policy_days: int) -> Iterator[pa.RecordBatch]:
        """Yield customer_key and article_key of the purchases that may not be recommended.

        The transactions say it themselves, so that a fault of ranking does not hide itself. Their
        days are those of the view's parts.

        Raises:
            DataError: the policy is `all`, and there is no purchase before the run date.
        """
        if policy == "none":
            return
        view, before = self.partitions["cleaned.transactions"], str(self.run_date)
        since = None if policy == "all" else str(self.run_date - timedelta(days=policy_days))
        files = self.lake.files(view, since=since, before=before)
        if policy == "all" and not files:
            raise DataError(f"{view} has no purchases before {before}")
        for purchases in self.lake.read_files(files, PAIR):
            yield from purchases.to_batches()

    def _read(self, dataset: str, columns: list[str] | None = None) -> pa.Table:
        return self.lake.read(self.partitions[dataset], columns)


def rows_by_key(keys: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the row of each key, -1 where no row has it.

    >>> rows_by_key(np.array([3, 2])).tolist()
    [-1, -1, 1, 0]
    """
    rows = np.full(int(keys.max(initial=-1)) + 1, -1, dtype=np.int32)
    rows[keys] = np.arange(len(keys), dtype=np.int32)
    return rows


def take_by_key(table: pa.Table, keys: pa.ChunkedArray) -> pa.Table:
    """Return the rows of a table with these article keys, a row a key; nulls where it has none."""
    return table.take(pc.index_in(keys, table.column(C.ARTICLE_KEY).combine_chunks()))


def find_rows(rows: npt.NDArray[np.int32], keys: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the row of each key by a `rows_by_key` table; -1 for an unknown key."""
    inside = (keys >= 0) & (keys < len(rows))
    return np.where(inside, rows[np.where(inside, keys, 0)], -1).astype(np.int32)
