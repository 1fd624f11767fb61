"""The tables of one run: made, filled from the lake, indexed and attached in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg2.extensions import cursor as Cursor
from xxhash import xxh3_128

from recsys.columns import Columns as C
from recsys.errors import DataError
from recsys.serving.audit import Audit
from recsys.serving.copying import Copied, copy_in
from recsys.serving.lists import Block, read_blocks
from recsys.serving.snapshot import ARTICLE_TEXTS, FACTS, Run, Snapshot, find_rows, take_by_key

LISTS = (C.CUSTOMER_ID, C.AGE_BAND, "article_ids", "scores", "reasons", "causes")
ARTICLES = (
    C.ARTICLE_KEY, *ARTICLE_TEXTS, *FACTS, "similar_keys", "similar_scores",
)  # fmt: skip
POPULAR = (C.AGE_BAND, C.RANK, C.ARTICLE_KEY, C.SCORE)

#: Days of purchases that are read after a block of lists: all of H&M's, when the last list goes.
DAYS_A_BLOCK = 16


@dataclass(frozen=True)
class Filled:
    """What a run's tables hold."""

    customers: int
    articles: int
    #: The texts that recs_data.lists.reasons counts from 1.
    reasons: list[str]
    #: XXH3, 128 bits, of all rows as they were sent: equal rows have equal checksums.
    checksum: str


def fill(cursor: Cursor, run_id: int, snapshot: Snapshot, run: Run) -> Filled:
    """Make, fill, index and attach a run's tables; audit the rows that go in on their way.

    The transaction must be fresh: COPY FREEZE wants a table that it made itself. Customers are
    read, and purchases held against the lists, beside what Postgres does. Purchases are read on
    the thread that encodes the lists, which Postgres takes more slowly: with more threads at work,
    readers on the same cores wait longer.

    Raises:
        DataError: the audit found faults, or Postgres took other numbers of rows than there are.
    """
    cursor.execute("SELECT recs_data.create_run_tables(%s)", (run_id,))
    reasons: list[str] = []

    def copy(name: str, columns: Sequence[str], rows: Iterable[pa.Table]) -> Copied:
        return copy_in(cursor, f"recs_data.{name}_{run_id}", columns, rows)

    bought = snapshot.bought(run.policy, run.policy_days)
    read: list[pa.RecordBatch] = []
    with ThreadPoolExecutor(max_workers=1) as beside:
        customers = beside.submit(lambda: snapshot.customer_rows)
        articles = copy("articles", ARTICLES, article_rows(snapshot))
        popular = copy("popular", POPULAR, [snapshot.popular.select(POPULAR)])
        customers.result()
        checks = Audit(snapshot, run)
        lists = copy("lists", LISTS, _reading(bought, read, list_rows(snapshot, checks, reasons)))
        verdict = beside.submit(lambda: checks.require_none(chain(read, bought)))
        if not checks.found:
            cursor.execute("SELECT recs_data.attach_run_tables(%s)", (run_id,))
        verdict.result()
    expected = (snapshot.customers.num_rows, snapshot.articles.num_rows)
    if (found := (lists.rows, articles.rows)) != expected:
        raise DataError(f"Postgres took {found} lists and articles, not {expected}")
    digests = [part.digest for part in (articles, popular, lists)]
    checksum = xxh3_128("".join([*digests, *reasons]).encode()).hexdigest()
    return Filled(*expected, reasons, checksum)


def _reading(
    bought: Iterator[pa.RecordBatch], read: list[pa.RecordBatch], tables: Iterator[pa.Table]
) -> Iterator[pa.Table]:
    """Yield the tables; after each of them, add some more of what was bought to `read`."""
    for table in tables:
        yield table
        read += islice(bought, DAYS_A_BLOCK)


def list_rows(snapshot: Snapshot, checks: Audit, reasons: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of recs_data.lists, up to the first block with a fault; all are audited.

    `reasons` grows by what is found; the rows count it from 1.
    """
    for block in read_blocks(snapshot.lists, checks.run.k):
        checks.see(block)
        if not checks.found:
            yield _list_rows(block, snapshot, reasons)


def _list_rows(block: Block, snapshot: Snapshot, reasons: list[str]) -> pa.Table:
    rows = pa.array(find_rows(snapshot.customer_rows, block.customers))
    customers = snapshot.customers.select([C.CUSTOMER_ID, C.AGE_BAND]).take(rows)
    numbers = reason_numbers(block.reasons, reasons).reshape(block.articles.shape)
    ids = snapshot.article_numbers[block.articles]
    lists = [_to_lists(values) for values in (ids, block.scores, numbers, block.causes)]
    return pa.table([*customers.columns, *lists], names=list(LISTS))


def reason_numbers(values: pa.DictionaryArray, texts: list[str]) -> npt.NDArray[np.int16]:
    """Return each value's number in `texts`, from 1; texts that are new are appended."""
    found = values.dictionary.to_pylist()
    texts.extend(text for text in found if text not in texts)
    numbers = np.array([texts.index(text) + 1 for text in found], dtype=np.int16)
    return np.asarray(numbers[values.indices.to_numpy()])


def _to_lists(values: npt.NDArray[Any]) -> pa.ListArray:
    rows, k = values.shape
    starts = pa.array(np.arange(rows + 1, dtype=np.int32) * k)
    return pa.ListArray.from_arrays(starts, pa.array(values.ravel()))


def article_rows(snapshot: Snapshot) -> Iterator[pa.Table]:
    """Yield the rows of recs_data.articles, by key."""
    similar = snapshot.similar.group_by(C.ARTICLE_KEY, use_threads=False).aggregate(
        [("similar_article_key", "list"), (C.SCORE, "list")]
    )
    lists = take_by_key(similar, snapshot.articles.column(C.ARTICLE_KEY))
    columns = [
        *snapshot.articles.select(ARTICLES[:-2]).columns,
        lists.column("similar_article_key_list"),
        lists.column(f"{C.SCORE}_list"),
    ]
    yield pa.table(columns, names=list(ARTICLES))
