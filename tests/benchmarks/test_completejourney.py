"""The Complete Journey as H&M's files: what is kept, where it goes, and what nobody may see."""

from pathlib import Path

import pandas as pd
import pytest
from benchmarks.quality.completejourney import convert, main

from recsys.schemas import RAW_ARTICLES, RAW_CUSTOMERS, RAW_TRANSACTIONS

PRODUCTS = [
    # id, maker, department, brand, category, type, size
    (30, 7, "GROCERY", "National", "SOFT DRINKS", "COLA", "2 LTR"),
    (20, 7, "GROCERY", "National", "SOFT DRINKS", "COLA", "12 OZ"),
    (10, 8, "MEAT", "Private", "BEEF", None, None),
    (40, 9, "FUEL", "National", "FUEL", "GAS", None),
    (50, 9, "GROCERY", "National", "COUPON/MISC ITEMS", "COUPON", None),
]
BOUGHT = [
    # household, product, quantity, value, coupon, when
    (2, 20, 2, 3.0, 0.0, "2017-12-02 10:00"),
    (1, 10, 1, 9.0, 1.0, "2017-12-03 23:59"),
    (1, 30, 1, 2.5, 0.0, "2017-12-04 00:00"),
    (2, 30, 1, 2.5, 0.0, "2017-12-10 12:00"),
    (2, 10, 1, 9.0, 0.0, "2017-12-11 00:00"),  # after the horizon
    (2, 40, 1, 20.0, 0.0, "2017-12-02 11:00"),  # no merchandise
    (2, 10, 0, 0.0, 0.0, "2017-12-02 11:00"),  # nothing bought
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    products = ["product_id", "manufacturer_id", "department", "brand", "product_category",
                "product_type", "package_size"]  # fmt: skip
    pd.DataFrame(PRODUCTS, columns=products).to_parquet(folder / "products.parquet")
    columns = ["household_id", "product_id", "quantity", "sales_value", "coupon_disc",
               "transaction_timestamp"]  # fmt: skip
    bought = pd.DataFrame(BOUGHT, columns=columns)
    bought["transaction_timestamp"] = pd.to_datetime(bought["transaction_timestamp"])
    bought.to_parquet(folder / "transactions.parquet")
    known = {"household_id": [1], "age": ["25-34"], "income": ["50-74K"], "kids_count": ["2"],
             "home_ownership": ["Homeowner"], "marital_status": ["Married"]}  # fmt: skip
    pd.DataFrame(known).to_parquet(folder / "demographics.parquet")
    return folder


@pytest.fixture
def files(source: Path, tmp_path: Path) -> dict[str, pd.DataFrame]:
    convert(source, tmp_path / "out", cut="2017-12-04")
    return {path.stem: pd.read_csv(path, dtype=str) for path in (tmp_path / "out").glob("*.csv")}


def test_the_files_have_the_columns_of_kaggle(files: dict[str, pd.DataFrame]) -> None:
    assert tuple(files["articles"].columns) == RAW_ARTICLES
    assert tuple(files["customers"].columns) == RAW_CUSTOMERS
    assert tuple(files["transactions_train"].columns) == RAW_TRANSACTIONS


def test_variants_of_a_product_share_its_code(files: dict[str, pd.DataFrame]) -> None:
    articles = files["articles"]
    assert list(articles["article_id"]) == ["0100000001", "0100000002", "0100001001"]
    assert list(articles["product_code"]) == ["100000", "100000", "100001"]
    assert list(articles["colour_group_name"]) == ["12 OZ", "2 LTR", "UNKNOWN"]
    assert list(articles["perceived_colour_master_name"]) == ["OZ M", "LTR S", "UNKNOWN ?"]
    assert list(articles["index_group_name"]) == ["Grocery", "Grocery", "Fresh"]


def test_history_ends_before_the_cut_and_the_truth_after_seven_days(
    files: dict[str, pd.DataFrame],
) -> None:
    history, truth = files["transactions_train"], files["truth"]
    cells = history[["t_dat", "article_id", "price", "sales_channel_id"]].to_numpy().tolist()
    assert cells == [
        ["2017-12-02", "0100000001", "0.015", "1"],
        ["2017-12-03", "0100001001", "0.09", "2"],
    ]
    assert truth[["t_dat", "article_id"]].to_numpy().tolist() == [
        ["2017-12-04", "0100000002"],
        ["2017-12-10", "0100000002"],
    ]


def test_households_become_customers_known_or_not(files: dict[str, pd.DataFrame]) -> None:
    one, two = files["customers"].to_dict("records")
    assert (one["age"], one["FN"], one["club_member_status"]) == ("30", "1", "ACTIVE")
    assert (two["club_member_status"], two["customer_id"]) == (
        "PRE-CREATE",
        files["transactions_train"]["customer_id"][0],
    )
    assert pd.isna(two["age"]) and pd.isna(two["FN"])


def test_the_command_says_what_it_wrote(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--out", str(tmp_path / "o"), "--cut", "2017-12-04", "--source", str(source)]
    assert main(flags) == 0
    written = "3 articles, 2 customers, 2 transactions_train, 2 truth\n"
    assert capsys.readouterr().out.endswith(written)
