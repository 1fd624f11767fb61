"""The tables of one run: made, filled from the lake, indexed and attached in one transaction."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor

from recsys.columns import Columns as C
from recsys.serving.copying import array_texts, copy_in, list_texts
from recsys.serving.lists import Block, read_blocks
from recsys.serving.snapshot import ARTICLE_TEXTS, Snapshot, find_rows, rows_by_key

LISTS = (C.CUSTOMER_ID, C.AGE_BAND, "article_keys", "scores", "reasons")
ARTICLES = (
    C.ARTICLE_KEY, *ARTICLE_TEXTS, "mean_price", "is_on_sale", "similar_keys", "similar_scores",
)  # fmt: skip
POPULAR = (C.AGE_BAND, C.RANK, C.ARTICLE_KEY, C.SCORE)


def fill(cursor: Cursor, run_id: int, snapshot: Snapshot, *, k: int, reasons: list[str]) -> str:
    """Make, fill, index and attach a run's tables; return the sha256 of the rows.

    The transaction must be fresh: COPY FREEZE wants a table that it made itself.
    """
    cursor.execute("SELECT recs_data.create_run_tables(%s)", (run_id,))
    digests = [
        copy_in(cursor, f"recs_data.lists_{run_id}", LISTS, list_rows(snapshot, k, reasons)),
        copy_in(cursor, f"recs_data.articles_{run_id}", ARTICLES, article_rows(snapshot)),
        copy_in(cursor, f"recs_data.popular_{run_id}", POPULAR, [snapshot.popular.select(POPULAR)]),
    ]
    cursor.execute("SELECT recs_data.attach_run_tables(%s)", (run_id,))
    return hashlib.sha256("".join([*digests, *reasons]).encode()).hexdigest()


def list_rows(snapshot: Snapshot, k: int, reasons: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of recs_data.lists, audited before; `reasons` are counted from 1."""
    texts = pa.array(reasons, type=pa.string())
    for block in read_blocks(snapshot.lists, k):
        yield _list_rows(block, snapshot, k, texts)


def _list_rows(block: Block, snapshot: Snapshot, k: int, reasons: pa.Array) -> pa.Table:
    rows = pa.array(find_rows(snapshot.customer_rows, block.customers))
    customers = snapshot.customers.take(rows)
    codes = pc.index_in(block.reasons, reasons).to_numpy().astype(np.int16) + 1
    columns = [
        customers.column(C.CUSTOMER_ID),
        customers.column(C.AGE_BAND),
        array_texts(block.articles),
        array_texts(block.scores),
        array_texts(codes.reshape(-1, k)),
    ]
    return pa.table(columns, names=list(LISTS))


def article_rows(snapshot: Snapshot) -> Iterator[pa.Table]:
    """Yield the rows of recs_data.articles, by key."""
    similar = snapshot.similar.group_by(C.ARTICLE_KEY, use_threads=False).aggregate(
        [("similar_article_key", "list"), (C.SCORE, "list")]
    )
    keys = snapshot.articles.column(C.ARTICLE_KEY).to_numpy()
    rows = find_rows(rows_by_key(similar.column(C.ARTICLE_KEY).to_numpy()), keys)
    lists = similar.take(pa.array(rows, mask=rows < 0))
    columns = [
        *snapshot.articles.select(ARTICLES[:-2]).columns,
        list_texts(lists.column("similar_article_key_list").combine_chunks()),
        list_texts(lists.column(f"{C.SCORE}_list").combine_chunks()),
    ]
    yield pa.table(columns, names=list(ARTICLES))
