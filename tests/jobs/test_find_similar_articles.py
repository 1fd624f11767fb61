"""The job that finds similar articles, with a model of known vectors."""

from datetime import date
from pathlib import Path

import pyarrow as pa
from jobs import find_similar_articles
from tests.recsys.conftest import commit

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

SIMILAR = Partition("recommendations.similar_articles", "2020-09-01")
VERSION = "2020-09-01-fixed"


def run(config: Config, *flags: str) -> int:
    return find_similar_articles.main(
        ["--run-date=2020-09-01", f"--data={config.data}", f"--lake={config.lake}", *flags]
    )


def test_every_article_has_neighbours_on_sale(
    config: Config, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    flags = [f"--model-version={VERSION}", "--set=recommendations.similar_articles=2"]
    assert run(config, *flags) == run(config, *flags) == 0

    rows = toy_lake.read(SIMILAR).to_pylist()
    assert [(r["article_key"], r["rank"]) for r in rows] == [
        (article, rank) for article in range(2, 9) for rank in (1, 2)
    ]
    # Vectors (a, 1): the nearest direction is that of the next number. 8 is not on sale. 2 is
    # bought with 6 more than with any other, 4 with 2.
    assert [r["similar_article_key"] for r in rows if r["rank"] == 1] == [6, 4, 2, 6, 7, 6, 7]
    assert toy_lake.require(SIMILAR).notes == {"model_version": VERSION, "weights": "random"}
    assert fixed_scorer == [(VERSION, None, "served")]


def test_bought_together_counts_as_much_as_it_is_told(
    config: Config, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    flags = [f"--model-version={VERSION}", "--set=recommendations.similar_copurchase_share=0"]
    assert run(config, *flags) == 0
    rows = toy_lake.read(SIMILAR).to_pylist()
    assert [r["similar_article_key"] for r in rows if r["rank"] == 1] == [3, 4, 5, 6, 7, 6, 7]


def test_what_is_out_of_stock_is_no_one_s_similar_article(
    config: Config, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    articles = toy_lake.read(Partition("cleaned.articles", "2020-09-01"))
    names = [f"{key:010}" for key in articles["article_key"].to_pylist()]
    for column in ("article_id", "product_type_name", "department_name", "index_group_name"):
        if column not in articles.column_names:
            articles = articles.append_column(column, pa.array(names))
    commit(toy_lake, "cleaned.articles", date(2020, 9, 1), articles)
    Path(config.data).mkdir(exist_ok=True)
    Path(config.data, "gone.csv").write_text("article_id\n0000000006\n")
    flags = [f"--model-version={VERSION}", "--set=recommendations.articles.out_of_stock=gone.csv"]
    assert run(config, *flags) == 0
    assert {r["similar_article_key"] for r in toy_lake.read(SIMILAR).to_pylist()} == {2, 3, 4, 5, 7}


def test_without_a_version_or_candidates_the_error_names_the_job(
    config: Config, toy_lake: Lake
) -> None:
    assert run(config) == 2
