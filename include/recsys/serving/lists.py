"""Recommendations of the lake, read a block of whole lists at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset

from recsys.columns import Columns as C

#: Rows held in memory at a time, beside one customer's list.
BLOCK_ROWS = 1 << 18


@dataclass(frozen=True)
class Block:
    """The lists of some customers, n of them k long.

    Rows of one customer must stand together; a customer whose rows do not, or whose list has
    another length, is in `uneven` and nowhere else.
    """

    customers: npt.NDArray[np.int32]  # [n]
    ranks: npt.NDArray[np.int32]  # [n, k]
    articles: npt.NDArray[np.int32]  # [n, k]
    scores: npt.NDArray[np.float32]  # [n, k]
    reasons: pa.DictionaryArray  # [n * k]
    causes: npt.NDArray[np.int32]  # [n, k]
    uneven: npt.NDArray[np.int32]


def read_blocks(
    dataset: pyarrow.dataset.Dataset, k: int, *, rows: int = BLOCK_ROWS
) -> Iterator[Block]:
    """Yield recommendations in blocks of whole lists, in the order of the files.

    Reasons must be read as dictionaries, as `Snapshot.lists` does.
    """
    columns = [C.CUSTOMER_KEY, C.RANK, C.ARTICLE_KEY, C.SCORE, C.REASON, C.CAUSE]
    carried: pa.Table | None = None
    for batch in dataset.to_batches(columns=columns, batch_size=rows):
        table = pa.Table.from_batches([batch])
        if carried is not None:
            table = pa.concat_tables([carried, table])
        cut = _start_of_last_list(table)
        if cut:
            yield _to_block(table.slice(0, cut), k)
        carried = table.slice(cut)
    if carried is not None and carried.num_rows:
        yield _to_block(carried, k)


def _start_of_last_list(table: pa.Table) -> int:
    customers = _keys(table, C.CUSTOMER_KEY)
    changes = np.flatnonzero(customers[1:] != customers[:-1])
    return int(changes[-1]) + 1 if len(changes) else 0


def _to_block(table: pa.Table, k: int) -> Block:
    customers = _keys(table, C.CUSTOMER_KEY)
    starts = np.flatnonzero(np.r_[True, customers[1:] != customers[:-1]])
    lengths = np.diff(np.r_[starts, len(customers)])
    even = lengths == k
    rows = pa.array(np.repeat(even, lengths))
    whole = table if even.all() else table.filter(rows)
    return Block(
        customers=customers[starts[even]],
        ranks=_keys(whole, C.RANK).reshape(-1, k),
        articles=_keys(whole, C.ARTICLE_KEY).reshape(-1, k),
        scores=_scores(whole).reshape(-1, k),
        reasons=whole.column(C.REASON).unify_dictionaries().combine_chunks(),
        causes=_keys(whole, C.CAUSE).reshape(-1, k),
        uneven=customers[starts[~even]],
    )


def _keys(table: pa.Table, name: str) -> npt.NDArray[np.int32]:
    # A missing key or rank becomes 0, which no check lets pass.
    return np.asarray(table.column(name).fill_null(0).to_numpy(), dtype=np.int32)


def _scores(table: pa.Table) -> npt.NDArray[np.float32]:
    missing = float("nan")
    return np.asarray(table.column(C.SCORE).fill_null(missing).to_numpy(), dtype=np.float32)
