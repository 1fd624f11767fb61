"""Tables as rows of customers and of the catalogue."""

from datetime import date

import numpy as np
import pyarrow as pa

from recsys.features.rows import TASTES, Catalogue, CustomerRows, pad_lists


def test_tables_become_rows() -> None:
    table = pa.table(
        {
            "recent_articles": pa.array([[2, 3, 4], []], pa.list_(pa.int32())),
            "recent_days": pa.array([[1, 2, 3], []], pa.list_(pa.int32())),
            "recent_quantities": pa.array([[1, 1, 2], []], pa.list_(pa.int32())),
            "mean_price": pa.array([0.5, None], pa.float32()),
            "age": pa.array([None, 30], pa.float32()),
        }
    )
    rows = CustomerRows.from_table(table, cutoff=date(2020, 9, 1), length=2)
    assert rows.recent_articles.tolist() == [[2, 3], [0, 0]]
    assert rows.recent_days.tolist() == [[1, 2], [0, 0]]
    assert rows.take(np.array([1, 1])).age.tolist() == [30, 30]
    assert np.isnan(rows.mean_price[1])


def test_tables_become_a_catalogue() -> None:
    columns = {column: pa.array([7, -1], pa.int32()) for column in TASTES.values()}
    articles = pa.table(
        columns
        | {
            "article_key": pa.array([3, 2], pa.int32()),
            "product_code": ["b", "a"],
            "product_group_name": ["Shoes", None],
        }
    )
    features = pa.table(
        {
            "article_key": pa.array([2, 3], pa.int32()),
            "mean_price": pa.array([0.5, None], pa.float32()),
            "mean_customer_age": pa.array([None, 40.0], pa.float32()),
        }
    )
    catalogue = Catalogue.from_tables(articles, features)
    assert catalogue.product_code.tolist() == [-1, -1, 0, 1]
    assert catalogue.tastes["colour"].tolist() == [-1, -1, -1, 0]
    assert catalogue.tastes["product_group"].tolist() == [-1, -1, -1, 0]
    assert catalogue.mean_price[2] == 0.5
    assert np.isnan(catalogue.mean_price[[0, 1, 3]]).all()


def test_lists_are_padded_and_cut_across_chunks() -> None:
    chunks = pa.chunked_array([[[1, 2, 3]], [[], [4]]], pa.list_(pa.int32()))
    assert pad_lists(chunks, 2).tolist() == [[1, 2], [0, 0], [4, 0]]
