"""The job that ranks candidates, with a model of known scores."""

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from jobs import generate_candidates, rank_candidates
from tests.recsys.conftest import commit, commit_transactions, make_transactions

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

LISTS = Partition("recommendations.lists", "2020-09-01")
VERSION = "2020-09-01-fixed"


@pytest.fixture
def candidates(config: Config, toy_lake: Lake, fixed_scorer: list[object]) -> None:
    shards = "--set=candidates.shard_customers=3"
    assert generate_candidates.main([*flags(config), f"--model-version={VERSION}", shards]) == 0
    fixed_scorer.clear()


def flags(config: Config) -> list[str]:
    return ["--run-date=2020-09-01", f"--data={config.data}", f"--lake={config.lake}"]


def lists(lake: Lake) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in lake.read(LISTS).to_pylist():
        found.setdefault(row["customer_key"], []).append(row["article_key"])
    return found


def run(config: Config, *more: str) -> int:
    return rank_candidates.main([*flags(config), "--set=recommendations.k=4", *more])


def test_every_customer_gets_exactly_k_and_nothing_bought_before(
    config: Config, toy_lake: Lake, candidates: None, fixed_scorer: list[object]
) -> None:
    assert run(config) == 0

    rows = toy_lake.read(LISTS).to_pylist()
    assert lists(toy_lake) == {2: [3, 7, 6, 5], 3: [7, 6, 5, 3], 4: [7, 6, 5, 4], 5: [7, 6, 5, 4]}
    assert Counter(row["rank"] for row in rows) == {1: 4, 2: 4, 3: 4, 4: 4}
    manifest = toy_lake.require(LISTS)
    assert manifest.notes == {"model_version": VERSION, "weights": "random"}
    assert manifest.settings["policy"] == "all"
    assert manifest.counts == {"customers": 4}
    # The candidates' own model, and only once for both shards.
    assert fixed_scorer == [(VERSION, None, "served")]


def test_policy_none_brings_past_purchases_back(
    config: Config, toy_lake: Lake, candidates: None
) -> None:
    assert run(config, "--set=recommendations.policy=none") == 0

    rows = toy_lake.read(LISTS).to_pylist()
    bought = [
        (r["customer_key"], r["article_key"], r["reason"], r["cause"])
        for r in rows
        if r["reason"].startswith("bought")
    ]
    assert bought == [(3, 4, "bought {days} days ago", 90)]


def test_filters_caps_and_new_articles_make_other_lists_of_the_same_candidates(
    config: Config, toy_lake: Lake, candidates: None
) -> None:
    keys = pa.array(range(2, 9), pa.int32())
    articles = {
        "article_key": keys,
        "article_id": [f"010877500{key}" for key in range(2, 9)],
        "product_code": ["p1", "p1", "p2", "p2", "p3", "p3", "p1"],
        "product_type_name": ["Hat"] * 6 + ["Socks"],
        "department_name": ["Kids"] * 7,
        "index_group_name": ["Baby"] * 7,
    }
    commit(toy_lake, "cleaned.articles", "2020-09-01", pa.table(articles))
    days = pa.array([400, 3, 400, 400, 400, 400, 3], pa.int32())
    features = pa.table({"article_key": keys, "days_on_sale": days})
    commit(toy_lake, "features.articles", "2020-09-01", features)
    Path(config.data).mkdir(exist_ok=True)
    Path(config.data, "gone.csv").write_text("article_id\n0108775007\n")

    assert run(config, "--set=recommendations.k=3", "--set=recommendations.max_per_product=1") == 0
    # The best variants are 3 or 2, 5 or 4, and 7; customer 2 bought 2, customer 3 bought 4.
    assert lists(toy_lake) == {2: [3, 7, 5], 3: [7, 5, 3], 4: [7, 5, 3], 5: [7, 5, 3]}

    new = ["--set=recommendations.k=2", "--set=recommendations.new_share=0.1"]
    assert run(config, *new) == 0
    assert lists(toy_lake) == {2: [3, 7], 3: [7, 3], 4: [7, 3], 5: [7, 3]}

    filters = "{out_of_stock: gone.csv, without_product_types: [Socks]}"
    assert (
        run(config, "--set=recommendations.k=2", f"--set=recommendations.articles={filters}") == 0
    )
    assert lists(toy_lake) == {2: [3, 6], 3: [6, 5], 4: [6, 5], 5: [6, 5]}
    offered = toy_lake.read(Partition("recommendations.offered", "2020-09-01"))
    assert offered["article_key"].to_pylist() == [2, 3, 4, 5, 6]


def test_another_policy_needs_no_new_candidates_and_the_same_one_no_work(
    config: Config, candidates: None, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    assert run(config) == run(config) == 0
    assert len(fixed_scorer) == 1

    assert run(config, "--set=recommendations.policy=last_n_days") == 0
    assert len(fixed_scorer) == 2


def test_a_purchase_that_came_late_is_left_out_of_the_same_candidates(
    config: Config, candidates: None, toy_lake: Lake, toy_transactions: pa.Table
) -> None:
    assert run(config) == 0
    late = make_transactions([(date(2020, 8, 20), 4, 5, 1), (date(2020, 9, 1), 4, 7, 1)])
    commit_transactions(toy_lake, "2020-09-01", pa.concat_tables([toy_transactions, late]))

    assert run(config) == 0
    of_4 = toy_lake.read(LISTS, filter=pc.field("customer_key") == 4)
    # 5 was bought before the run date, 7 only on it.
    assert of_4["article_key"].to_pylist() == [7, 6, 4, 3]


def test_more_than_the_catalogue_has_is_bad_data_and_nothing_is_visible(
    config: Config, toy_lake: Lake, candidates: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--set=recommendations.k=6") == 2

    assert "1 customers cannot get 6 articles: only 5 articles are left" in capsys.readouterr().err
    assert toy_lake.manifest(LISTS) is None


def test_candidates_of_other_customers_are_refused(
    config: Config, toy_lake: Lake, candidates: None, capsys: pytest.CaptureFixture[str]
) -> None:
    customers = toy_lake.read(Partition("cleaned.customers", "2020-09-01"))
    commit(toy_lake, "cleaned.customers", "2020-09-01", customers.slice(0, 3))

    assert run(config) == 2
    assert "3 customers must get 12 recommendations, not 16" in capsys.readouterr().err


def test_without_candidates_the_error_names_the_job(
    config: Config, toy_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config) == 2
    assert "run generate_candidates first" in capsys.readouterr().err
