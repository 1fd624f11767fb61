"""Which past purchases may be recommended, and how a short list is filled."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.columns import Columns as C
from recsys.config import Policy
from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.ragged import Keys, Ragged
from recsys.schemas import SOURCES

#: Mode -> its purchase policy. `all`: every purchase of a window counts, and past purchases may
#: be recommended. `novel`: only an article's first purchase counts, and none bought before may be.
MODES: dict[str, Policy] = {"all": "none", "novel": "all"}

Segments = NDArray[np.integer[Any]]


def mode_of(policy: Policy) -> str:
    """Return the mode whose ranker suits a policy: only `all` leaves out every past purchase."""
    return "novel" if policy == "all" else "all"


def exclusions(purchases: pa.Table, *, policy: Policy, days: int, customers: int) -> Ragged:
    """Return what may not be recommended to each customer; row = customer key, articles ascending.

    Args:
        purchases: PURCHASES.
        policy: `all` leaves out every past purchase, `last_n_days` those whose article was last
            bought at most `days` days before the cutoff, `none` nothing.
        days: of the policy `last_n_days`.
        customers: the number of rows, one above the highest customer key.
    """
    if policy == "none":
        purchases = purchases.slice(0, 0)
    elif policy == "last_n_days":
        purchases = purchases.filter(pc.field("days_since") <= days)
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
    return add_popular(candidates, short[filled.rows], filled.keys)


def add_popular(candidates: Candidates, rows: NDArray[np.int64], added: Keys) -> Candidates:
    """Return the candidates with popular articles, [m] of customers' rows [m], which they lack."""
    if not len(added):
        return candidates
    rows = np.concatenate([candidates.rows, rows])
    keys = np.concatenate([candidates.article_keys, added])
    # One number a pair: what is sorted already is merged, several times as fast as by np.lexsort.
    order = np.argsort((rows << 32) | keys, kind="stable")
    nothing = np.full(len(added), np.nan, np.float32)
    return Candidates(
        candidates.customer_keys,
        np.searchsorted(rows[order], np.arange(len(candidates) + 1)),
        keys[order],
        np.append(candidates.scores, nothing)[order],
        np.append(candidates.copurchase_scores, nothing)[order],
        np.append(candidates.sources, np.full(len(nothing), SOURCES["popular"], np.int32))[order],
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
        " one of them; lower recommendations.k, or let recommendations.policy or"
        " recommendations.articles allow more"
    )
