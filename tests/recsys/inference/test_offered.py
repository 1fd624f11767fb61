"""Which articles the settings let through."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.recsys.conftest import commit

from recsys.config import ArticlesConfig, RecommendationsConfig
from recsys.errors import ConfigError, DataError
from recsys.inference.offered import keep_offered, offer_only, offered_articles
from recsys.models.inputs import Snapshot
from recsys.paths import Partition
from recsys.storage import Lake

ARTICLES = pa.table(
    {
        "article_key": pa.array(range(2, 9), pa.int32()),
        "article_id": [f"010877500{key}" for key in range(2, 9)],
        "product_type_name": ["Hat", "Hat", "Socks", "Dress", "Dress", None, "Socks"],
        "department_name": ["Kids"] * 3 + ["Ladies"] * 4,
        "index_group_name": ["Baby"] * 2 + ["Ladieswear"] * 5,
    }
)
PRICES = np.array([np.nan, np.nan, 0.01, 0.02, 0.03, np.nan, 0.05, 0.06, 0.07], np.float32)


@pytest.fixture
def offered(lake: Lake, toy_snapshot: Snapshot, tmp_path: Path) -> Any:
    """The keys that settings let through; every setting by its name."""
    commit(lake, "cleaned.articles", "2020-09-01", ARTICLES)
    snapshot = replace(toy_snapshot, catalogue=replace(toy_snapshot.catalogue, mean_price=PRICES))

    def find(**settings: object) -> list[int] | None:
        config = RecommendationsConfig(articles=ArticlesConfig.model_validate(settings))
        job: Any = SimpleNamespace(
            lake=lake,
            config=SimpleNamespace(recommendations=config, data=str(tmp_path)),
            partition=lambda name: Partition(name, "2020-09-01"),
        )
        mask = offered_articles(job, snapshot)
        return None if mask is None else np.flatnonzero(mask).tolist()

    return find


def test_without_settings_there_is_nothing_to_leave_out(offered: Any) -> None:
    assert offered() is None


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"product_types": ["Hat", "Dress"]}, [2, 3, 5, 6]),
        ({"without_product_types": ["Hat", "Dress"]}, [4, 7, 8]),
        ({"departments": ["Kids"]}, [2, 3, 4]),
        ({"index_groups": ["Ladieswear"], "without_departments": ["Kids"]}, [5, 6, 7, 8]),
        ({"min_price": 0.02, "max_price": 0.06}, [3, 4, 6, 7]),
        ({"max_price": 0.0}, []),
    ],
)
def test_what_each_setting_lets_through(
    offered: Any, settings: dict[str, object], keys: list[int]
) -> None:
    assert offered(**settings) == keys


def test_a_name_that_nothing_has_is_a_wrong_setting(offered: Any) -> None:
    with pytest.raises(ConfigError, match="No article has product_type_name 'hat', index_group"):
        offered(product_types=["hat"], without_index_groups=["Divided"])


def test_what_is_out_of_stock_is_read_from_the_data_folder(offered: Any, tmp_path: Path) -> None:
    file = tmp_path / "out_of_stock.csv"
    with pytest.raises(DataError, match=r"out_of_stock\.csv, which is not there"):
        offered(out_of_stock="out_of_stock.csv")
    file.write_text("article_id,since\n0108775003,2020-09-01\n0108775009,2020-09-01\n")
    assert offered(out_of_stock="out_of_stock.csv") == [2, 4, 5, 6, 7, 8]
    assert offered(out_of_stock=str(file)) == [2, 4, 5, 6, 7, 8]
    file.write_text("article\n0108775003\n")
    with pytest.raises(DataError, match="a CSV file with a column article_id"):
        offered(out_of_stock="out_of_stock.csv")


def test_only_what_is_offered_is_on_sale_and_popular(toy_snapshot: Snapshot) -> None:
    mask = np.array([False, False, True, False, True, False, False, False, True])
    popular = np.array([[8, 2, 3, 4, 5, 6, 7], [2, 3, 4, 5, 6, 7, 8]], np.int32)

    assert np.flatnonzero(offer_only(toy_snapshot, mask).is_on_sale).tolist() == [2, 4]
    assert keep_offered(popular, mask).tolist() == [[8, 2, 4], [2, 4, 8]]
    assert offer_only(toy_snapshot, None) is toy_snapshot
    assert keep_offered(popular, None) is popular
