"""Which past purchases may be recommended, and how a short list is filled."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.columns import Columns as C
from recsys.config import Policy
from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.purchases import PURCHASES, read_purchases
from recsys.inference.ragged import Keys, Ragged
from recsys.paths import Partition
from recsys.schemas import SOURCES
from recsys.storage import Lake

Segments = NDArray[np.integer[Any]]


def read_exclusions(
    lake: Lake,
    transactions: Partition,
    *,
    cutoff: date,
    policy: Policy,
    days: int,
    customers: int,
) -> Ragged:
    """Return what may not be recommended to each customer; row = customer key, articles ascending.

    Args:
        lake: where the transactions are; of them, no more is read than the policy needs.
        transactions: cleaned.transactions of any run date.
        cutoff: only purchases before this day count.
        policy: `all` leaves out every past purchase, `last_n_days` those whose article was last
            bought at most `days` days before the cutoff, `none` nothing.
        days: of the policy `last_n_days`.
        customers: the number of rows, one above the highest customer key.
    """
    if policy == "none":
        return exclusions(PURCHASES.empty_table(), customers=customers)
    window = days if policy == "last_n_days" else None
    purchases = read_purchases(lake, transactions, cutoff=cutoff, days=window)
    return exclusions(purchases, customers=customers)


def exclusions(purchases: pa.Table, *, customers: int) -> Ragged:
    """Return the articles of each customer in a PURCHASES table; row = customer key."""
    owners = purchases[C.CUSTOMER_KEY].to_numpy()
    return Ragged.group(owners, purchases[C.ARTICLE_KEY].to_numpy(), count=customers)


def apply_policy(candidates: Candidates, excluded: Ragged) -> Candidates:
    """Return the candidates without what is excluded, whose rows are customer keys."""
    own = excluded.take(candidates.customer_keys)
    return candidates.where(~own.contains(candidates.rows, candidates.article_keys))


def fill(
    candidates: Candidates, popular: Keys, segments: Segments, excluded: Ragged, *, k: int
) -> Candidates:
    """Return the candidates with popular articles added where a customer has fewer than `k`.

    Args:
        candidates: of n customers; what is excluded is already gone.
        popular: [segments, o], each segment's articles to fill with, in that order.
        segments: [n], a row of `popular` for each customer.
        excluded: rows are customer keys.
        k: how many candidates every customer must have.

    Raises:
        DataError: there are fewer than `k` articles that a customer may get.
    """
    short = np.flatnonzero(np.diff(candidates.offsets) < k)
    if not len(short):
        return candidates
    own, barred = candidates.articles.take(short), excluded.take(candidates.customer_keys[short])
    filled = Ragged.of_matrix(complete(own, popular, segments[short], barred, k=k)).without(own)
    rows = np.concatenate([candidates.rows, short[filled.rows]])
    keys = np.concatenate([candidates.article_keys, filled.keys])
    order = np.lexsort((keys, rows))
    added = len(filled.keys)
    return Candidates(
        candidates.customer_keys,
        np.searchsorted(rows[order], np.arange(len(candidates) + 1)),
        keys[order],
        np.append(candidates.scores, np.full(added, np.nan, np.float32))[order],
        np.append(candidates.sources, np.full(added, SOURCES["popular"], np.int32))[order],
    )


def complete(lists: Ragged, popular: Keys, segments: Segments, excluded: Ragged, *, k: int) -> Keys:
    """Return each row's first `k` articles: of its list, then of its segment's popular, [n, k].

    Args:
        lists: n rows of distinct articles, best first.
        popular: [segments, o], distinct articles to go on with, best first.
        segments: [n], a row of `popular` for each list.
        excluded: n rows of articles that must not appear.
        k: the length of the result's rows.

    Raises:
        DataError: a row has fewer than `k` articles.
    """
    listed = lists.without(excluded).first(k)
    result = np.empty((len(lists), k), np.int32)
    todo, width = np.arange(len(lists)), 2 * k
    while len(todo):
        own, barred = listed.take(todo), excluded.take(todo)
        offered = popular[:, :width][segments[todo]]
        unfit = own.marks(offered) | barred.marks(offered)
        keys = np.concatenate([own.padded(), np.where(unfit, PADDING_KEY, offered)], axis=1)
        keys = np.take_along_axis(keys, np.argsort(keys == PADDING_KEY, axis=1, kind="stable"), 1)
        done = (keys != PADDING_KEY).sum(axis=1) >= k
        result[todo[done]] = keys[done, :k]
        if not done.all() and width >= popular.shape[1]:
            raise DataError(_too_few(keys[~done], k))
        todo, width = todo[~done], 2 * width
    return result


def _too_few(keys: NDArray[np.int32], k: int) -> str:
    most = int((keys != PADDING_KEY).sum(axis=1).min())
    return (
        f"{len(keys)} customers cannot get {k} articles: only {most} articles are left to"
        " one of them; lower recommendations.k, or let recommendations.policy allow more"
    )
