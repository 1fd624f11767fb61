"""The catalogue job on a temporary lake: what it writes, refuses and leaves as it was."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from jobs.clean_catalogue import main

from recsys.cleaning.catalogue import Checked, keep
from recsys.config import Config
from recsys.errors import DataError
from recsys.paths import Partition
from recsys.schemas import CLEANED_CUSTOMERS
from recsys.storage import Lake

Run = Callable[..., tuple[int, dict[str, Any]]]
DAY = "2020-09-23"


@pytest.fixture
def run(config: Config, raw_folder: Any) -> Run:
    """Run the job; its exit code and its report."""

    def _run(*flags: str, day: str = DAY) -> tuple[int, dict[str, Any]]:
        argv = [
            "--run-date",
            day,
            "--env",
            "test",
            "--data",
            config.data,
            "--lake",
            config.lake_root,
        ]
        code = main([*argv, "--set", f"state={config.state}", "--report", "report.json", *flags])
        report: dict[str, Any] = json.loads(
            Lake(config.lake_root).fs.cat_file(f"{config.lake_root}/report.json")
        )
        return code, report

    return _run


def counts(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {output["dataset"]: output["counts"] for output in report["outputs"]}


def test_a_faultless_folder(run: Run, raw_folder: Any, lake: Lake) -> None:
    code, report = run()
    assert (code, report["status"]) == (0, "written")
    assert counts(report) == {
        "rejected.catalogue": {},
        "keys.articles": {"keys_added": 3},
        "keys.customers": {"keys_added": 2},
        "cleaned.articles": {"rows_read": 3, "rows_kept": 3, "rows_rejected": 0},
        "cleaned.customers": {
            "rows_read": 2, "rows_kept": 2, "rows_rejected": 0, "values_unrecognised": 0,
        },
    }  # fmt: skip
    keys = lake.read(Partition("keys.customers", "all")).to_pydict()
    assert keys == {"customer_id": ["a" * 64, "b" * 64], "customer_key": [2, 3]}
    articles = lake.read(Partition("cleaned.articles", DAY)).to_pydict()
    assert articles["article_key"] == [2, 3, 4]
    assert articles["article_id"] == ["0108775015", "0110065001", "0111565001"]
    assert articles["detail_desc"][0] == 'Top, called "strap"'
    assert lake.read(Partition("rejected.catalogue", DAY)).num_rows == 0


def test_a_second_run_is_unchanged_and_needs_no_spark(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setattr("recsys.spark.build_session", lambda *_: pytest.fail("Spark was started"))
    code, report = run()
    assert (code, report["status"], report["outputs"]) == (0, "unchanged", [])


def test_keys_stay_when_customers_come_and_go(run: Run, raw_folder: Any, lake: Lake) -> None:
    run()
    header, _, berta = raw_folder.lines("customers.csv")
    aida = berta.replace("b" * 64, "0" * 64)
    raw_folder.write("customers.csv", header, berta, aida)
    code, report = run(day="2020-09-24")
    assert code == 0
    assert counts(report)["keys.customers"] == {"keys_added": 1}
    assert "keys.articles" not in counts(report)
    keys = lake.read(Partition("keys.customers", "all")).to_pydict()
    assert keys == {"customer_id": ["a" * 64, "b" * 64, "0" * 64], "customer_key": [2, 3, 4]}
    cleaned = lake.read(Partition("cleaned.customers", "2020-09-24")).to_pydict()
    assert cleaned["customer_key"] == [3, 4]


def test_bad_rows_are_set_aside_and_counted(run: Run, raw_folder: Any, lake: Lake) -> None:
    anna = raw_folder.lines("customers.csv")[1]
    raw_folder.add("articles.csv", raw_folder.article("108775015"), b"caf\xe9")
    raw_folder.add("customers.csv", anna, "short" + anna[64:], anna.replace("a" * 64, "c" * 64), "")
    code, report = run("--set", "cleaning.max_rejected_share=0.5")
    assert code == 0
    found = counts(report)
    assert found["cleaned.articles"] == {
        "rows_read": 5, "rows_kept": 3, "rows_rejected": 2,
        "rejected.bad_article_id": 1, "rejected.not_utf8": 1,
    }  # fmt: skip
    assert found["cleaned.customers"] == {
        "rows_read": 5, "rows_kept": 3, "rows_rejected": 2,
        "rejected.bad_customer_id": 1, "rejected.duplicate_customer": 1, "values_unrecognised": 0,
    }  # fmt: skip
    rejected = lake.read(Partition("rejected.catalogue", DAY)).to_pydict()
    assert list(zip(rejected["reason"], rejected["file"], rejected["line"], strict=True)) == [
        ("bad_article_id", "articles.csv", raw_folder.article("108775015")),
        ("not_utf8", "articles.csv", "caf\ufffd"),
        ("duplicate_customer", "customers.csv", anna),
        ("bad_customer_id", "customers.csv", "short" + anna[64:]),
    ]


def test_too_many_bad_rows_stop_the_job_but_can_be_looked_at(
    run: Run, raw_folder: Any, lake: Lake
) -> None:
    run()
    before = lake.require(Partition("cleaned.customers", DAY))
    header, anna, berta = raw_folder.lines("customers.csv")
    raw_folder.write("customers.csv", header, anna.replace(",49,", ",490,"), berta)
    code, report = run()
    assert (code, report["status"]) == (2, "bad_data")
    bad = anna.replace(",49,", ",490,")
    assert report["error"] == (
        "customers.csv: 1 of 2 rows are rejected, and cleaning.max_rejected_share is 0.2:"
        f" bad_age 1 (such as {bad[:160]!r})"
    )
    rejected = lake.read(Partition("rejected.catalogue", DAY)).to_pydict()
    assert rejected == {"reason": ["bad_age"], "file": ["customers.csv"], "line": [bad]}
    assert lake.require(Partition("cleaned.customers", DAY)) == before


def test_faults_of_files_come_at_once(run: Run, raw_folder: Any, lake: Lake) -> None:
    (raw_folder.path / "articles.csv").unlink()
    raw_folder.write("transactions_train.csv")
    code, report = run()
    assert code == 2
    assert report["error"] == (
        f"{raw_folder.path}: articles.csv is missing; transactions_train.csv is empty"
    )
    assert lake.manifest(Partition("cleaned.articles", DAY)) is None


def test_nothing_half_written_is_visible_when_the_job_breaks(
    run: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(checked: Checked, keys: Any, schema: pa.Schema) -> pa.Table:
        if schema is CLEANED_CUSTOMERS:
            raise OSError("no space left on device")
        return keep(checked, keys, schema)

    monkeypatch.setattr("recsys.cleaning.catalogue.keep", explode)
    with pytest.raises(OSError, match="no space"):
        run()
    for dataset in ("cleaned.articles", "cleaned.customers"):
        assert lake.manifest(Partition(dataset, DAY)) is None
        assert list(lake.fs.glob(f"{lake.root}/{dataset.replace('.', '/')}/*/*")) == []
    monkeypatch.undo()
    assert run()[0] == 0


def test_a_night_without_new_files_shows_what_is_there(
    run: Run, raw_folder: Any, lake: Lake
) -> None:
    run()
    first = lake.read(Partition("cleaned.customers", DAY))
    code, report = run(day="2020-09-24")
    assert (code, report["status"]) == (0, "written")
    shown = lake.require(Partition("cleaned.customers", "2020-09-24"))
    assert [(part.partition, part.rows) for part in shown.parts] == [(DAY, len(first))]
    assert lake.read(Partition("cleaned.customers", "2020-09-24")) == first
    assert run(day="2020-09-24")[1]["status"] == "unchanged"

    third = run(day="2020-09-25")[1]
    assert counts(third)["cleaned.articles"]["rows_kept"] == 3
    parts = lake.require(Partition("cleaned.customers", "2020-09-25")).parts
    assert [part.partition for part in parts] == [DAY]  # not a view of a view


def test_what_is_shown_and_was_made_anew_is_refused_until_the_job_ran_again(
    run: Run, raw_folder: Any, lake: Lake
) -> None:
    run()
    run(day="2020-09-24")
    customers = raw_folder.path / "customers.csv"
    customers.write_text("\n".join(customers.read_text().splitlines()[:-1]) + "\n")
    run()
    later = Partition("cleaned.customers", "2020-09-24")
    with pytest.raises(DataError, match="run clean_catalogue again for 2020-09-24"):
        lake.read(later)
    assert run(day="2020-09-24")[1]["status"] == "written"
    assert len(lake.read(later)) == len(lake.read(Partition("cleaned.customers", DAY)))
