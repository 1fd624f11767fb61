"""docs/dags.md says what the DAGs say."""

from pathlib import Path
from typing import Any

from recsys_airflow.page import render


def test_the_page_is_current(dagbag: Any, repository: Path) -> None:
    page = (repository / "docs" / "dags.md").read_text(encoding="utf-8")
    assert page == render(dagbag.dags.values()), (
        "docs/dags.md is out of date: run `python -m recsys_airflow.page docs/dags.md`"
    )


def test_the_page_names_every_dag_with_its_schedule(repository: Path) -> None:
    page = (repository / "docs" / "dags.md").read_text(encoding="utf-8")
    for row in (
        "| [`embed_images`](#embed_images) | `0 4 * * *` | New article images to vectors | yes |",
        "| [`full_refresh`](#full_refresh) | by hand |",
        "| [`nightly_refresh`](#nightly_refresh) | `0 2 * * *` |",
        "| [`train_models`](#train_models) | `0 6 * * 0` |",
    ):
        assert row in page
    assert "| `policy` | Purchase policy | as configured | Which past purchases" in page
