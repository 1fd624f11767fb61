"""A lake of any size to publish from: ids, lists and purchases that look like H&M's.

Customers stand in the order of their ids, as in customers.csv. Each has a list of k different
articles with falling scores, and bought none of them: the audit passes, and has all to check.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys import schemas
from recsys.columns import FIRST_KEY
from recsys.columns import Columns as C
from recsys.inference.causes import CAUSED
from recsys.manifest import Part
from recsys.paths import Partition
from recsys.serving.snapshot import ARTICLE_TEXTS, Run, Snapshot
from recsys.storage import Lake

RUN_DATE = date(2020, 9, 23)
SHARD_CUSTOMERS = 100_000
POLICY_DAYS = 30


@dataclass(frozen=True)
class Size:
    """How much there is; the defaults are H&M's."""

    customers: int = 1_371_980
    articles: int = 105_542
    purchases: int = 31_788_324
    days: int = 734
    k: int = 12


def make_lake(folder: Path, size: Size, seed: int = 1) -> Snapshot:
    """Write all that a publication reads into a new lake, and return it.

    Customers are the same for every seed; names of articles begin with it.
    """
    lake, rng = Lake(str(folder)), np.random.default_rng(seed)
    _commit(lake, "cleaned.customers", _customers(size, np.random.default_rng(0)))
    articles = _articles(size, seed)
    _commit(lake, "cleaned.articles", articles)
    keys = articles.column(C.ARTICLE_KEY)
    prices = pa.array(rng.random(size.articles, dtype=np.float32) / 10)
    on_sale = pa.array(rng.random(size.articles) < 0.3)
    _commit(
        lake,
        "features.articles",
        _fill(schemas.FEATURES_ARTICLES, article_key=keys, mean_price=prices, is_on_sale=on_sale),
    )
    _commit(lake, "features.popularity", _popular(size, rng))
    _commit(lake, "recommendations.similar_articles", _similar(size, rng))
    _commit(lake, "recommendations.offered", pa.table([keys], schema=schemas.OFFERED))
    lists = _draw_lists(size, rng)
    _write_lists(lake, size, lists, rng)
    _write_purchases(lake, size, lists, rng)
    return Snapshot(lake, str(RUN_DATE))


def make_run(snapshot: Snapshot, size: Size, name: str) -> Run:
    """Return a run of this lake, and of a model of that name; another name is another run."""
    return Run(
        run_date=str(snapshot.run_date), source="benchmark", model_version=name,
        policy="all", policy_days=POLICY_DAYS, k=size.k, fingerprint=name, inputs={}, notes={},
    )  # fmt: skip


def _commit(lake: Lake, dataset: str, table: pa.Table) -> None:
    with lake.write(Partition(dataset, str(RUN_DATE)), fingerprint=dataset) as draft:
        lake.put_table(draft, table)


def _fill(schema: pa.Schema, **columns: pa.Array) -> pa.Table:
    """Return a table of a schema in which the other columns are null."""
    rows = len(next(iter(columns.values())))
    return pa.table(
        [columns.get(f.name, pa.nulls(rows, f.type)).cast(f.type) for f in schema], schema=schema
    )


def _customers(size: Size, rng: np.random.Generator) -> pa.Table:
    letters = np.frombuffer(b"0123456789abcdef", np.uint8)
    ids = np.sort(letters[rng.integers(0, 16, (size.customers, 64))].view("S64").ravel())
    bands = pa.array(schemas.AGE_BANDS).take(pa.array(rng.integers(0, 8, size.customers)))
    keys = pa.array(np.arange(size.customers, dtype=np.int32) + FIRST_KEY)
    texts = pa.array(ids).cast(pa.string())
    return _fill(schemas.CLEANED_CUSTOMERS, customer_key=keys, customer_id=texts, age_band=bands)


def _articles(size: Size, seed: int) -> pa.Table:
    keys = np.arange(size.articles, dtype=np.int32) + FIRST_KEY
    numbers = [f"{number:010d}" for number in 108_775_015 + keys * 7]
    texts = {
        name: pa.array([f"{seed} {name} {key % 300}" for key in keys])
        for name in ARTICLE_TEXTS[1:-1]
    }
    texts["detail_desc"] = pa.array([f"Top no. {key}, in soft jersey. " * 4 for key in keys])
    texts[C.PRODUCT_CODE] = pa.array([number[:7] for number in numbers])
    return _fill(
        schemas.CLEANED_ARTICLES, article_key=pa.array(keys), article_id=pa.array(numbers), **texts
    )


def _popular(size: Size, rng: np.random.Generator) -> pa.Table:
    segments, rows = (*schemas.AGE_BANDS, schemas.EVERYONE), 100
    keys = [rng.choice(size.articles, rows, replace=False) + FIRST_KEY for _ in segments]
    return _fill(
        schemas.FEATURES_POPULARITY,
        age_band=pa.array(np.repeat(segments, rows)),
        rank=pa.array(np.tile(np.arange(rows) + 1, len(segments))),
        article_key=pa.array(np.concatenate(keys)),
        score=pa.array(np.tile(np.arange(rows, 0, -1.0), len(segments))),
    )


def _similar(size: Size, rng: np.random.Generator) -> pa.Table:
    keys = np.arange(size.articles)
    others = (keys[:, None] + _steps(size.articles, size, rng)) % size.articles
    return _fill(
        schemas.SIMILAR_ARTICLES,
        article_key=pa.array(np.repeat(keys, size.k) + FIRST_KEY),
        rank=pa.array(np.tile(np.arange(size.k) + 1, size.articles)),
        similar_article_key=pa.array(others.ravel() + FIRST_KEY),
        score=pa.array(_falling(size.articles, size, rng).ravel()),
    )


def _steps(rows: int, size: Size, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return k different numbers a row, from 1 on and none as large as the number of articles."""
    strides = rng.integers(1, (size.articles - 1) // size.k, rows)
    return strides[:, None] * np.arange(1, size.k + 1)


def _falling(rows: int, size: Size, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return -np.sort(-rng.random((rows, size.k), dtype=np.float32), axis=1)


def _draw_lists(size: Size, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Return article keys [customers, k]."""
    first = rng.integers(0, size.articles, (size.customers, 1))
    articles = (first + _steps(size.customers, size, rng)) % size.articles
    return (articles + FIRST_KEY).astype(np.int32)


def _write_lists(
    lake: Lake, size: Size, lists: npt.NDArray[np.int32], rng: np.random.Generator
) -> None:
    reasons = pa.array(list(CAUSED.values()))
    settings = {"k": size.k, "policy": "all", "policy_days": POLICY_DAYS}
    partition = Partition("recommendations.lists", str(RUN_DATE))
    with lake.write(partition, fingerprint="lists", settings=settings) as draft:
        draft.notes = {"model_version": "synthetic"}
        for start in range(0, size.customers, SHARD_CUSTOMERS):
            shard = lists[start : start + SHARD_CUSTOMERS]
            customers = np.arange(start, start + len(shard), dtype=np.int32) + FIRST_KEY
            table = _fill(
                schemas.RECOMMENDATIONS,
                customer_key=pa.array(np.repeat(customers, size.k)),
                rank=pa.array(np.tile(np.arange(size.k, dtype=np.int16) + 1, len(shard))),
                article_key=pa.array(shard.ravel()),
                score=pa.array(_falling(len(shard), size, rng).ravel()),
                reason=reasons.take(pa.array(rng.integers(0, len(reasons), shard.size))),
                cause=pa.array(rng.integers(FIRST_KEY, size.articles, shard.size, np.int32)),
            )
            lake.put_table(draft, table, f"part-{start // SHARD_CUSTOMERS:05d}.parquet")


def _write_purchases(
    lake: Lake, size: Size, lists: npt.NDArray[np.int32], rng: np.random.Generator
) -> None:
    """Write cleaned.transactions, a folder a day; a few customers buy a lot, as at H&M."""
    load, parts = Partition("cleaned.loads", "load-1"), []
    with lake.write(load, fingerprint="purchases") as draft:
        for number in range(size.days):
            day = RUN_DATE - timedelta(days=size.days - number)
            table = _purchases(size, size.purchases // size.days, lists, rng, day)
            Path(draft.path, f"day={day}").mkdir()
            lake.put_table(draft, table, f"day={day}/part-00000.parquet")
            parts.append(
                Part(key=str(day), dataset=load.dataset, partition=load.key, folder=f"day={day}",
                     rows=len(table), fingerprint=str(day))
            )  # fmt: skip
    view = Partition("cleaned.transactions", str(RUN_DATE))
    lake.show(view, parts, like=lake.require(load), counts={}, notes={})


def _purchases(
    size: Size, rows: int, lists: npt.NDArray[np.int32], rng: np.random.Generator, day: date
) -> pa.Table:
    # This power of an even spread: a tenth of the customers buys half of everything.
    customers = (rng.random(rows) ** 3.3 * size.customers).astype(np.int64)
    # Frequent customers stand anywhere in the order of ids.
    customers = (customers * 7_919 % size.customers).astype(np.int32)
    articles = (rng.random(rows) ** 2 * size.articles).astype(np.int32) + np.int32(FIRST_KEY)
    order = np.lexsort((articles, customers))
    customers, articles = customers[order], articles[order]
    kept = (lists[customers] != articles[:, None]).all(axis=1)
    return _fill(
        schemas.CLEANED_TRANSACTIONS,
        t_dat=pa.array(np.full(kept.sum(), np.datetime64(day))),
        customer_key=pa.array(customers[kept] + np.int32(FIRST_KEY)),
        article_key=pa.array(articles[kept]),
        price=pa.array(rng.random(kept.sum())),
        sales_channel_id=pa.array(np.full(kept.sum(), 2, np.int8)),
        quantity=pa.array(np.ones(kept.sum(), np.int32)),
    )
