"""Which articles speak for which: a linear model of all purchases, in closed form.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): of customers'
purchases X, the weights B that best rebuild X from X B, with a zero diagonal, under an L2 penalty.
With G = X'X + l2 I they are B = I - inv(G) / diag(inv(G)). Unlike a cosine, a weight says what an
article adds to the others that the customer bought too.
"""

import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from recsys.columns import Columns as C
from recsys.config import EaseConfig
from recsys.inference.purchases import PastPurchases
from recsys.inference.ragged import Ragged
from recsys.schemas import EASE

#: How much a purchase weighs in X, at most 1.
WEIGHT = "decayed_120"
#: Rows and columns that are mirrored at once.
MIRRORED = 1024


def fit_ease(
    purchases: PastPurchases, is_on_sale: NDArray[np.bool_], config: EaseConfig
) -> csr_array:
    """Return float32 [articles, articles]: how much each article (a row) speaks for each other.

    Only the articles that most customers bought lately have weights, and of an article's only the
    strongest: on real grocery purchases 20 of them rank better than all.

    Args:
        purchases: of all customers.
        is_on_sale: [articles]; others get no weights towards them.
        config: how many articles, how popular, which penalty.
    """
    size = len(is_on_sale)
    keys = _popular(purchases, size, config)
    place = np.full(size, -1)
    place[keys] = np.arange(len(keys))
    known = history_of(purchases).where(place[purchases.articles.keys] >= 0)
    bought = replace(known, keys=place[known.keys].astype(np.int32)).to_sparse(len(keys))
    # By all cores, whatever the environment says: another number of threads has other last bits.
    with threadpool_limits(os.cpu_count(), user_api="blas"):
        towards = _solve((bought.T @ bought).toarray(), config.l2)
    towards[~is_on_sale[keys]] = 0
    strongest = _strongest(towards, config.neighbours)
    values = np.take_along_axis(towards, strongest, axis=1).ravel()
    cells = (keys[strongest].ravel(), np.repeat(keys, strongest.shape[1]))
    closeness = csr_array((values, cells), shape=(size, size))
    closeness.eliminate_zeros()
    return closeness


def to_table(closeness: csr_array) -> pa.Table:
    """Return what `fit_ease` returned in the layout of candidates.ease."""
    cells = closeness.tocoo()
    return pa.table([*(k.astype(np.int32) for k in cells.coords), cells.data], schema=EASE)


def from_table(table: pa.Table, size: int) -> csr_array:
    """Return [size, size] of a candidates.ease table."""
    cells = (table[C.ARTICLE_KEY].to_numpy(), table["other_article_key"].to_numpy())
    return csr_array((table[C.SCORE].to_numpy(), cells), shape=(size, size))


def history_of(purchases: PastPurchases) -> Ragged:
    """Return what each customer bought, each article weighing what it says of him, in (0, 1]."""
    return replace(purchases.articles, weights=np.minimum(purchases.fact(WEIGHT), np.float32(1)))


def _popular(purchases: PastPurchases, size: int, config: EaseConfig) -> NDArray[np.int64]:
    """Return the articles of most customers lately, ascending."""
    recent = purchases.articles.keys[purchases.fact("days_since") <= config.days]
    customers = np.bincount(recent, minlength=size)
    most = np.argsort(-customers, kind="stable")[: config.articles]
    return np.sort(most[customers[most] >= config.min_customers])


def _solve(gram: NDArray[np.float32], l2: float) -> NDArray[np.float32]:
    """Return B of the module's docstring, transposed; overwrites the Gram matrix."""
    if not len(gram):
        return gram
    gram[np.diag_indices(len(gram))] += np.float32(l2)
    # By Cholesky: half the work of a general inverse. Fortran sees the symmetric matrix as it is.
    factor, failed = lapack.spotrf(gram.T, lower=False, overwrite_a=True)
    inverse, failed_too = lapack.spotri(factor, lower=False, overwrite_c=True)
    assert not (failed or failed_too)  # a Gram matrix plus a positive diagonal has an inverse
    inverse = np.asarray(inverse.T, np.float32)
    _mirror(inverse)
    inverse /= -np.diag(inverse)[:, None]
    np.fill_diagonal(inverse, 0)
    return inverse


def _mirror(matrix: NDArray[np.float32]) -> None:
    """Make a square matrix symmetric: what is above its diagonal becomes what is below.

    By blocks: masks of the whole, as of `np.tril`, take ten times as long.
    """
    for start in range(0, len(matrix), MIRRORED):
        end = start + MIRRORED
        block = matrix[start:end, start:end]
        above = np.triu_indices(len(block), 1)
        block[above] = block.T[above]
        matrix[start:end, end:] = matrix[end:, start:end].T


def _strongest(towards: NDArray[np.float32], number: int) -> NDArray[np.int64]:
    """Return the columns of the `number` largest magnitudes of each row, [rows, number]."""
    if number >= len(towards):
        return np.tile(np.arange(len(towards)), (len(towards), 1))
    return np.argpartition(-np.abs(towards), number, axis=1)[:, :number]
