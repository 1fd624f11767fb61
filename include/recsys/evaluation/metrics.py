"""How good lists and scores are, in NumPy alone.

Throughout, `hits` is a boolean matrix [customers, >= k]: whether the article at each rank was
bought. `relevant` [customers] counts m, the articles the customer bought at all. A metric at k
gives one number a customer, NaN for a customer who bought nothing: `mean` leaves those out.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def precision_at_k(hits: ArrayLike, relevant: ArrayLike, k: int) -> Array:
    r"""Return the share of the `k` places that hold a bought article.

    .. math:: P@k = \frac{1}{k} \sum_{r=1}^{k} hit_r

    >>> precision_at_k([[True, False, True, False]], [2], k=4)
    array([0.5])
    """
    hits, m = _arrays(hits, relevant, k)
    return _scored(hits.sum(axis=1) / k, m)


def recall_at_k(hits: ArrayLike, relevant: ArrayLike, k: int) -> Array:
    r"""Return the share of the bought articles that stand in the first `k` places.

    .. math:: R@k = \frac{1}{m} \sum_{r=1}^{k} hit_r

    >>> recall_at_k([[True, False, True, False]], [5], k=4)
    array([0.4])
    """
    hits, m = _arrays(hits, relevant, k)
    return _scored(hits.sum(axis=1) / np.maximum(m, 1), m)


def ndcg_at_k(hits: ArrayLike, relevant: ArrayLike, k: int) -> Array:
    r"""Return the discounted gain over that of the best possible list.

    .. math:: NDCG@k = \frac{\sum_{r=1}^{k} hit_r / \log_2(r + 1)}
                            {\sum_{r=1}^{\min(m, k)} 1 / \log_2(r + 1)}

    A hit at rank 3 of a customer who bought one article: (1 / log2 4) / (1 / log2 2) = 1 / 2.

    >>> ndcg_at_k([[False, False, True]], [1], k=3)
    array([0.5])
    """
    hits, m = _arrays(hits, relevant, k)
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[1.0], np.cumsum(gains)])[np.minimum(m, k)]
    return _scored((hits * gains).sum(axis=1) / ideal, m)


def map_at_k(hits: ArrayLike, relevant: ArrayLike, k: int) -> Array:
    r"""Return the average precision, as Kaggle's H&M competition defines it.

    .. math:: AP@k = \frac{1}{\min(m, k)} \sum_{r=1}^{k} P@r \cdot hit_r

    Hits at ranks 1 and 4 of a customer who bought two articles: (1/1 + 2/4) / 2 = 3/4.

    >>> map_at_k([[True, False, False, True]], [2], k=4)
    array([0.75])
    """
    hits, m = _arrays(hits, relevant, k)
    precision = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    average: Array = (precision * hits).sum(axis=1) / np.maximum(np.minimum(m, k), 1)
    return _scored(average, m)


def hit_rate_at_k(hits: ArrayLike, relevant: ArrayLike, k: int) -> Array:
    r"""Return 1 where at least one of the `k` places holds a bought article, else 0.

    .. math:: HR@k = \max_{r \le k} hit_r

    >>> hit_rate_at_k([[False, True], [False, False], [False, False]], [1, 3, 0], k=2)
    array([ 1.,  0., nan])
    """
    hits, m = _arrays(hits, relevant, k)
    return _scored(hits.any(axis=1).astype(np.float64), m)


#: Every metric on lists, by the name it has in code, logs and reports.
LIST_METRICS = {
    "map_at_k": map_at_k,
    "ndcg_at_k": ndcg_at_k,
    "precision_at_k": precision_at_k,
    "recall_at_k": recall_at_k,
    "hit_rate_at_k": hit_rate_at_k,
}


def mean(values: ArrayLike) -> float:
    """Return the mean over the customers who bought something; NaN where none did.

    >>> mean([0.5, np.nan, 0.25])
    0.375
    """
    array = np.asarray(values, np.float64)
    array = array[~np.isnan(array)]
    return float(array.mean()) if len(array) else float("nan")


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    r"""Return the chance that a bought pair scores above one that was not, a tie counting half.

    .. math:: AUC = \frac{\sum_{i \in +} rank_i - n_+ (n_+ + 1) / 2}{n_+ \, n_-}

    with ranks from 1, equal scores sharing the mean of theirs. NaN without both kinds of pair.

    >>> auc([1, 0, 1, 0], [0.9, 0.4, 0.4, 0.1])
    0.875
    """
    positive = np.asarray(labels).astype(bool)
    _, which, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]
    n = int(positive.sum())
    pairs = n * (len(positive) - n)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / pairs) if pairs else float("nan")


def precision(labels: ArrayLike, scores: ArrayLike, *, threshold: float) -> float:
    r"""Return the share of the pairs at or above the threshold that were bought.

    .. math:: P = \frac{TP}{TP + FP}

    >>> precision([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1], threshold=0.5)
    0.5
    """
    positive, chosen = np.asarray(labels).astype(bool), np.asarray(scores) >= threshold
    return float(positive[chosen].mean()) if chosen.any() else float("nan")


def recall(labels: ArrayLike, scores: ArrayLike, *, threshold: float) -> float:
    r"""Return the share of the bought pairs that are at or above the threshold.

    .. math:: R = \frac{TP}{TP + FN}

    >>> recall([1, 1, 1, 0], [0.9, 0.6, 0.4, 0.1], threshold=0.5)
    0.6666666666666666
    """
    positive, chosen = np.asarray(labels).astype(bool), np.asarray(scores) >= threshold
    return float(chosen[positive].mean()) if positive.any() else float("nan")


def coverage(lists: ArrayLike, catalogue: ArrayLike) -> float:
    r"""Return the share of the catalogue's keys that at least one list holds.

    .. math:: C = \frac{|\bigcup_u L_u \cap A|}{|A|}

    >>> coverage([[2, 3], [3, 4]], [2, 3, 4, 5, 6])
    0.6
    """
    keys = np.unique(np.asarray(catalogue))
    return float(np.isin(keys, np.asarray(lists)).mean()) if len(keys) else float("nan")


def gini(lists: ArrayLike, catalogue: ArrayLike) -> float:
    r"""Return how unequally the lists' places fall on the catalogue: 0 evenly, near 1 on one.

    .. math:: G = \frac{\sum_{i=1}^{n} (2 i - n - 1) \, x_i}{n \sum_i x_i}

    with x the places of each article, ascending.

    >>> gini([[2, 3], [2, 3]], [2, 3])
    0.0
    >>> gini([[2], [2]], [2, 3, 4, 5])
    0.75
    """
    keys, places = np.unique(np.asarray(catalogue)), np.asarray(lists).ravel()
    places = places[np.isin(places, keys)]
    x = np.sort(np.bincount(np.searchsorted(keys, places), minlength=len(keys))).astype(np.float64)
    n = len(x)
    if not x.sum():
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ x / (n * x.sum()))


def novelty(lists: ArrayLike, sales: ArrayLike) -> float:
    r"""Return how little the lists' articles sell: the mean of their self-information, in bits.

    .. math:: N = \frac{1}{|L|} \sum_{i \in L} -\log_2 \frac{s_i + 1}{\sum_j (s_j + 1)}

    One sale more of each keeps what nobody bought finite. Zhou et al., "Solving the apparent
    diversity-accuracy dilemma of recommender systems", PNAS 2010.

    Args:
        lists: [customers, k], article keys.
        sales: [articles], of each key.

    >>> novelty([[0, 1]], [1, 0, 0])
    1.5
    """
    counts = np.asarray(sales, np.float64) + 1
    return float(-np.log2(counts[np.asarray(lists)] / counts.sum()).mean())


def bootstrap_means(values: ArrayLike, *, samples: int, seed: int) -> Array:
    """Return the column means of resampled customers, [samples, columns].

    Customers are drawn with replacement, the same draws for every column: the difference of two
    columns is a paired comparison.

    Args:
        values: [customers, columns], without NaN.
        samples: how many times to draw.
        seed: of the draws.
    """
    values = np.asarray(values, np.float64)
    rng, n = np.random.default_rng(seed), len(values)
    means = np.empty((samples, values.shape[1]))
    for i in range(samples):
        means[i] = np.bincount(rng.integers(n, size=n), minlength=n) @ values / n
    return means


def interval(means: ArrayLike) -> tuple[float, float]:
    """Return the bounds between which 95 % of the bootstrap means fall (percentiles).

    >>> interval(np.arange(101))
    (2.5, 97.5)
    """
    low, high = np.percentile(np.asarray(means), [2.5, 97.5])
    return float(low), float(high)


def _arrays(
    hits: ArrayLike, relevant: ArrayLike, k: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    matrix = np.asarray(hits).astype(bool)
    if k < 1 or matrix.shape[1] < k:
        raise ValueError(f"k must be in 1..{matrix.shape[1]}, the length of the lists. Got {k}")
    return matrix[:, :k], np.asarray(relevant, np.int64)


def _scored(values: ArrayLike, relevant: NDArray[np.int64]) -> Array:
    return np.where(relevant > 0, values, np.nan)
