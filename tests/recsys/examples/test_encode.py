import numpy as np
import pyarrow as pa
import pytest

from recsys.examples.encode import Encoder, codes, fit_encoder
from recsys.examples.numbers import Number, fit_number


def test_codes_count_from_one_and_unknown_or_null_is_zero() -> None:
    column = pa.chunked_array([["red", "blue", None, "new"]])
    assert codes(column, ("blue", "red")).tolist() == [2, 1, 0, 0]


def test_a_number_is_standardised_after_its_transform() -> None:
    # log1p of e-1 and e^3-1 is 1 and 3: mean 2, deviation 1.
    number = fit_number("sales", "log1p", np.array([np.e - 1, np.e**3 - 1]))
    assert (number.mean, number.scale) == (pytest.approx(2), pytest.approx(1))
    assert number.apply(np.array([np.e - 1, np.e**2 - 1], np.float32)) == pytest.approx(
        [-1, 0], abs=1e-6
    )


def test_values_beyond_training_become_the_nearest_seen() -> None:
    number = Number("trend", "none", low=-1, high=1, mean=0, scale=0.5)
    assert number.apply(np.array([-9, 9], np.float32)).tolist() == [-2.0, 2.0]


def test_a_missing_number_is_the_mean() -> None:
    number = Number("age", "none", low=0, high=99, mean=36, scale=10)
    assert number.apply(np.array([np.nan], np.float32)).tolist() == [0.0]


@pytest.mark.parametrize("seen", [[], [np.nan], [4.0, 4.0]])
def test_a_column_that_never_varied_is_all_zero(seen: list[float]) -> None:
    number = fit_number("month", "none", np.array(seen))
    assert number.apply(np.array([4, 7], np.float32)).tolist() == [0.0, 0.0]


WINDOWS = (1, 3, 7, 14, 30)


def _tables(sales: list[int], age: list[float | None]) -> tuple[pa.Table, pa.Table, pa.Table]:
    n, m = len(age), len(sales)
    counts = ("transactions", "purchase_days", "distinct_articles", "distinct_product_groups",
              "recency_days", "tenure_days", *(f"purchases_{d}d" for d in WINDOWS))  # fmt: skip
    customers = pa.table(
        {name: [1] * n for name in counts}
        | {name: [0.5] * n for name in ("mean_price", "purchase_frequency", "channel_2_share")}
        | {"age": pa.array(age, pa.float32()), "age_band": ["30-39"] * n}
        | {"club_member_status": ["ACTIVE"] * n, "fashion_news_frequency": ["NONE"] * n}
        | {"fn": [True] * n, "active": pa.array([None] * n, pa.bool_())}
    )
    numbers = ("customers", *(f"sales_{d}d" for d in WINDOWS), "trend", "rank_7d", "mean_price",
               "discount_7d", "days_on_sale", "days_since_sale", "mean_customer_age",
               "repurchase_rate")  # fmt: skip
    articles = pa.table(
        {"article_key": pa.array(range(2, 2 + m), pa.int32()), "sales": sales}
        | {name: [1.0] * m for name in numbers}
        | {"is_on_sale": [True] * m}
    )
    codes = ("graphical_appearance_no", "colour_group_code", "perceived_colour_value_id",
             "perceived_colour_master_id", "department_no", "section_no",
             "garment_group_no")  # fmt: skip
    catalogue = pa.table(
        {"article_key": pa.array(range(2, 2 + m), pa.int32())}
        | {name: [7] * m for name in codes}
        | {"product_type_no": [-1, *range(1, m)], "product_group_name": ["tops"] * m}
        | {"index_code": ["A"] * m, "product_code": [f"{i:07d}" for i in range(m)]}
    )
    return customers, articles, catalogue


def test_only_values_sold_often_enough_get_a_code() -> None:
    customers, articles, catalogue = _tables([50, 19, 20, 4], [30.0])
    encoder = fit_encoder([customers], [articles], catalogue, history_length=4)
    assert encoder.article_vocabularies["article_key"] == ("2", "4")
    assert encoder.article_vocabularies["product_code"] == ("0000000", "0000002")
    # -1 means unknown; type 3 was sold four times.
    assert encoder.article_vocabularies["product_type_no"] == ("1", "2")
    _, found = encoder.encode_articles(articles, catalogue)
    assert found[:, 0].tolist() == [0, 1, 2, 0]
    assert encoder.article_sizes[0] == 3


def test_statistics_are_of_the_snapshots_given_alone() -> None:
    training = _tables([50, 60], [20.0, 40.0])
    encoder = fit_encoder([training[0]], [training[1]], training[2], history_length=4)
    later = _tables([50, 60], [90.0, None])[0]
    numbers, _ = encoder.encode_customers(later)
    age, flag = 14, 16
    # 90 is beyond the oldest of training, 40: mean 30, deviation 10.
    assert numbers[:, age].tolist() == [1.0, 0.0]
    assert numbers[:, flag].tolist() == [0.0, 1.0]


def test_a_null_category_is_unknown() -> None:
    customers, articles, catalogue = _tables([50], [30.0])
    encoder = fit_encoder([customers], [articles], catalogue, history_length=4)
    _, found = encoder.encode_customers(customers)
    assert found.tolist() == [[1, 1, 1, 1, 0]]


def test_pair_features_are_clipped_and_standardised_in_place() -> None:
    customers, articles, catalogue = _tables([50], [30.0])
    encoder = fit_encoder([customers], [articles], catalogue, history_length=4)
    encoder = encoder.with_interactions(["a", "b"], np.array([[0, 5], [2, 5]], np.float16))
    pairs = np.array([[[0, 5], [9, 6]]], np.float32)
    assert encoder.encode_interactions(pairs).tolist() == [[[-1.0, 0.0], [1.0, 0.0]]]


def test_json_gives_back_an_equal_encoder() -> None:
    customers, articles, catalogue = _tables([50, 60], [30.0, None])
    encoder = fit_encoder([customers], [articles], catalogue, history_length=4)
    encoder = encoder.with_interactions(["a"], np.array([[0.0], [2.0]]))
    assert Encoder.from_json(encoder.to_json()) == encoder
