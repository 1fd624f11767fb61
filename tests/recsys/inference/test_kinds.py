"""What is said of a candidate's kind, beside plain loops over what its customer bought."""

import numpy as np
import pytest

from recsys.inference.candidates import Candidates
from recsys.inference.kinds import describe_kind
from recsys.inference.purchases import FACTS, PastPurchases
from recsys.inference.ragged import Ragged

ARTICLES, CUSTOMERS = 12, 30


@pytest.mark.parametrize("seed", range(5))
def test_each_candidate_is_held_against_its_customer_s_articles_of_the_kind(seed: int) -> None:
    generator = np.random.default_rng(seed)
    codes = generator.integers(-1, 4, ARTICLES).astype(np.int32)
    prices = generator.random(ARTICLES, np.float32)
    prices[generator.random(ARTICLES) < 0.2] = np.nan
    articles = _some_articles(generator)
    weights = generator.random(len(articles.keys), np.float32)
    facts = generator.integers(1, 9, (len(articles.keys), len(FACTS))).astype(np.float32)
    past = PastPurchases(Ragged(articles.offsets, articles.keys, weights), facts)
    keys = np.arange(CUSTOMERS, dtype=np.int32)
    found = Candidates.union(keys, {"towers": _some_articles(generator)})
    said = describe_kind(codes, prices, found, past)
    assert {values.dtype for values in said.values()} == {np.dtype(np.float32)}
    for pair, (row, key) in enumerate(zip(found.rows, found.article_keys, strict=True)):
        own = slice(*past.articles.offsets[row : row + 2])
        same = (codes[past.articles.keys[own]] == codes[key]) & (codes[key] >= 0)
        paid = past.fact("mean_price")[own][same]
        total = weights[own].sum()
        assert [values[pair] for values in said.values()] == pytest.approx(
            [
                weights[own][same].sum() / total if total else np.nan,
                past.fact("days_since")[own][same].min() if same.any() else np.nan,
                same.sum(),
                prices[key] / paid.mean() if same.any() else np.nan,
            ],
            nan_ok=True,
        )


def _some_articles(generator: np.random.Generator) -> Ragged:
    """Return up to five articles of each customer; some have none."""
    rows = [generator.permutation(ARTICLES)[: generator.integers(6)] for _ in range(CUSTOMERS)]
    return Ragged.of([sorted(row.tolist()) for row in rows])
