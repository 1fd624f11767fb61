"""Lists within caps, with places for new articles, held against every list there could be."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from recsys.config import RecommendationsConfig
from recsys.errors import DataError
from recsys.inference.candidates import Candidates
from recsys.inference.limits import Limits
from recsys.inference.ragged import Ragged, descending

#: Articles 2 to 9: product codes, product types, and days since the first sale.
PRODUCTS = ["p1", "p1", "p1", "p2", "p2", "p3", None, None]
TYPES = ["Hat", "Hat", "Socks", "Hat", "Hat", "Hat", "Socks", "Dress"]
DAYS = [500, 3, 500, 500, 28, 29, None, 0]
KEYS = np.arange(2, 10, dtype=np.int32)
POPULAR = np.array([[5, 6, 2, 7, 3, 4, 8, 9]], np.int32)
#: All of them but the two at the end of POPULAR.
ON_SALE = np.isin(np.arange(10), [2, 3, 4, 5, 6, 7])
NOTHING = Ragged.of([[]] * 3)


def limits(**settings: object) -> Limits:
    articles = pa.table({"article_key": KEYS, "product_code": PRODUCTS, "product_type_name": TYPES})
    features = pa.table({"article_key": KEYS, "days_on_sale": pa.array(DAYS, pa.int32())})
    config = RecommendationsConfig.model_validate(settings)
    return Limits.of(articles, features, POPULAR, ON_SALE, config)


def lists(
    limits: Limits, offered: list[list[int]], scores: dict[int, float], excluded: Ragged = NOTHING
) -> list[list[int]]:
    """Return what customers 0, 1, ... get of their candidates, by articles' scores."""
    keys = np.arange(len(offered), dtype=np.int32)
    candidates = Candidates.union(keys, {"towers": Ragged.of(offered)})
    filled = limits.fill(candidates, np.zeros(len(keys), np.int8), excluded)
    values = np.array([scores.get(int(key), 0) for key in filled.article_keys], np.float32)
    chosen = limits.choose(filled, descending(filled.rows, values))
    return filled.article_keys[chosen].tolist()


BY_KEY = {int(key): 1 - key / 100 for key in KEYS}


def test_a_product_s_variants_beyond_the_cap_make_room_for_the_next_best() -> None:
    everything = [KEYS.tolist()]
    assert lists(limits(k=4, max_per_product=2), everything, BY_KEY) == [[2, 3, 5, 6]]
    # Articles 8 and 9 have no product code, and no cap counts them.
    assert lists(limits(k=5, max_per_product=1), everything, BY_KEY) == [[2, 5, 7, 8, 9]]


def test_both_caps_hold_at_once() -> None:
    found = lists(limits(k=4, max_per_product=1, max_per_type=2), [KEYS.tolist()], BY_KEY)
    assert found == [[2, 5, 8, 9]]


def test_new_articles_take_their_places_in_the_order_of_scores() -> None:
    # New within 28 days are 3, 6 and 9; the others would be the best four.
    half = limits(k=4, new_share=0.5, new_days=28)
    assert lists(half, [KEYS.tolist()], BY_KEY | {9: 0.1}) == [[2, 3, 4, 6]]
    assert lists(half, [KEYS.tolist()], {2: 0.9, 4: 0.8, 6: 0.7, 9: 0.85}) == [[2, 9, 4, 6]]
    none = limits(k=4, max_per_product=4, new_share=0)
    assert lists(none, [KEYS.tolist()], BY_KEY) == [[2, 3, 4, 5]]


def test_what_is_missing_comes_from_what_is_popular_and_not_excluded() -> None:
    # Of 2 and 3 one is allowed; 5, the first of the popular ones, was bought.
    excluded = Ragged.of([[5], [], []])
    found = lists(limits(k=3, max_per_product=1), [[2, 3], [], [4, 5, 7]], BY_KEY, excluded)
    assert found[0] == [2, 6, 7]
    assert found[1] == [2, 5, 7]
    assert found[2] == [4, 5, 7]
    new = lists(limits(k=2, new_share=1.0), [[2, 4], [6], [3, 6]], BY_KEY, Ragged.of([[3], [], []]))
    assert new == [[6, 9], [3, 6], [3, 6]]


def test_the_best_article_does_not_block_a_list_that_others_could_make() -> None:
    # 2 and 3 would do; but 4, the best, is of the product of the one and of the type of the other.
    keys = pa.array([2, 3, 4, 5], pa.int32())
    articles = pa.table(
        {
            "article_key": keys,
            "product_code": ["p1", "p2", "p1", "p3"],
            "product_type_name": ["Socks", "Hat", "Hat", "Dress"],
        }
    )
    features = pa.table({"article_key": keys, "days_on_sale": pa.array([9] * 4, pa.int32())})
    config = RecommendationsConfig(k=2, max_per_product=1, max_per_type=1)
    popular = np.array([[2, 3, 4, 5]], np.int32)
    both = Limits.of(articles, features, popular, np.arange(6) >= 2, config)
    assert lists(both, [[2, 3, 4]], {2: 0.5, 3: 0.5, 4: 0.9}) == [[4, 5]]


def test_what_is_off_sale_is_only_added_where_a_list_needs_it() -> None:
    # Of the new ones, 3 and 9, the latter is off sale: it is no choice where 3 is enough.
    half = limits(k=2, new_share=0.5, new_days=3)
    assert lists(half, [[2]], {9: 0.9, 2: 0.8, 3: 0.1}) == [[2, 3]]
    bought = Ragged.of([[3], [], []])
    assert lists(half, [[2]], {9: 0.9, 2: 0.8, 3: 0.1}, bought) == [[9, 2]]


def test_what_needs_nothing_gets_nothing() -> None:
    candidates = Candidates.union(np.zeros(1, np.int32), {"towers": Ragged.of([[2, 5, 7, 8, 9]])})
    cap = limits(k=2, max_per_product=1)
    assert cap.fill(candidates, np.zeros(1, np.int8), NOTHING) is candidates


def test_caps_that_no_list_can_keep_are_refused_before_any_customer() -> None:
    with pytest.raises(DataError, match=r"nobody can get 4 articles, 0 of them new.* get 3 with"):
        limits(k=4, max_per_type=1)
    with pytest.raises(DataError, match=r"4 of them new.* with 3 new"):
        limits(k=4, new_share=1.0)


def test_a_customer_who_bought_too_much_is_counted() -> None:
    cap = limits(k=3, max_per_type=1)
    with pytest.raises(DataError, match=r"1 customers cannot get 3 articles.* get 2 with"):
        lists(cap, [[], [2]], BY_KEY, Ragged.of([[9], []]))


def test_any_world_with_enough_articles_gives_whole_lists_within_all_limits() -> None:
    rng = np.random.default_rng(7)
    short = 0
    for _ in range(300):
        size, k = int(rng.integers(4, 12)), int(rng.integers(1, 4))
        keys = np.arange(2, 2 + size, dtype=np.int32)
        kinds = rng.integers(0, 5, (2, size))
        days = rng.integers(0, 2, size)
        articles = pa.table(
            {
                "article_key": keys,
                "product_code": kinds[0].astype(str),
                "product_type_name": kinds[1].astype(str),
            }
        )
        features = pa.table({"article_key": keys, "days_on_sale": pa.array(days, pa.int32())})
        config = RecommendationsConfig(
            k=k, max_per_product=1, max_per_type=2, new_share=0.5, new_days=1
        )
        new = config.new_places

        def is_right(chosen: tuple[int, ...], kinds=kinds, days=days, new=new) -> bool:
            rows = np.array(chosen) - 2
            products, types = (np.unique(codes[rows], return_counts=True)[1] for codes in kinds)
            return products.max() <= 1 and types.max() <= 2 and (days[rows] <= 1).sum() >= new

        possible = [c for c in combinations(keys.tolist(), 2 * k) if is_right(c)]
        if not possible:  # a list of twice the length is what is promised to be enough
            continue
        short += 1
        on_sale = np.arange(2 + size) >= 2
        found = Limits.of(articles, features, rng.permutation(keys)[None, :], on_sale, config)
        scores = dict(zip(keys.tolist(), rng.random(size).tolist(), strict=True))
        own = rng.choice(keys, int(rng.integers(0, size)), replace=False).tolist()
        (chosen,) = lists(found, [own], scores)
        assert len(set(chosen)) == k
        assert is_right(tuple(chosen))
        assert [scores[key] for key in chosen] == sorted(map(scores.get, chosen), reverse=True)
    assert short > 50
