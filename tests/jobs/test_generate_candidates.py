"""The job that finds candidates, with a model of known scores."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from jobs import generate_candidates
from tests.recsys.conftest import commit_transactions, make_transactions

from recsys.config import Config
from recsys.paths import Partition
from recsys.storage import Lake

PAIRS = Partition("candidates.pairs", "2020-09-01")
VERSION = "2020-09-01-fixed"


def run(config: Config, *flags: str) -> int:
    return generate_candidates.main(
        [
            "--run-date=2020-09-01",
            f"--data={config.data}",
            f"--lake={config.lake}",
            "--set=candidates.shard_customers=3",
            "--set=candidates.popular=12",
            "--report=report.json",
            *flags,
        ]
    )


def report(config: Config) -> dict[str, object]:
    return json.loads(Path(str(config.lake), "report.json").read_text())


def test_shards_hold_the_customers_in_order(
    config: Config, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    assert run(config, f"--model-version={VERSION}") == 0

    shards = sorted(toy_lake.scan(PAIRS).get_fragments(), key=lambda f: f.path)
    customers = [sorted(set(s.to_table()["customer_key"].to_pylist())) for s in shards]
    assert customers == [[2, 3, 4], [5]]
    manifest = toy_lake.require(PAIRS)
    # Six articles are on sale; customer 2 bought 2, customer 3 bought 4.
    assert manifest.rows == 24
    assert manifest.counts == {
        "customers": 4,
        "towers": 22,
        "popular": 22,
        "copurchased": 0,  # too few customers bought anything
        "same_product": 1,
        "past_purchase": 2,
        "taste": 0,
    }
    assert manifest.notes == {"model_version": VERSION, "weights": "random"}
    assert report(config)["facts"] == {"model_version": VERSION}
    assert fixed_scorer == [(VERSION, None, "served")]


def test_a_second_run_loads_no_model(
    config: Config, toy_lake: Lake, fixed_scorer: list[object]
) -> None:
    run(config, f"--model-version={VERSION}")

    assert run(config, f"--model-version={VERSION}") == 0
    assert len(fixed_scorer) == 1
    assert report(config)["status"] == "unchanged"
    assert report(config)["facts"] == {"model_version": VERSION}


def test_only_purchases_before_the_run_date_make_candidates_anew(
    config: Config, toy_lake: Lake, toy_transactions: pa.Table, fixed_scorer: list[object]
) -> None:
    run(config, f"--model-version={VERSION}")

    for day, status in ((date(2020, 9, 1), "unchanged"), (date(2020, 8, 31), "written")):
        bought = pa.concat_tables([toy_transactions, make_transactions([(day, 4, 5, 1)])])
        commit_transactions(toy_lake, "2020-09-01", bought)
        assert run(config, f"--model-version={VERSION}") == 0
        assert report(config)["status"] == status
    assert toy_lake.require(PAIRS).counts["past_purchase"] == 3


def test_without_a_version_the_champion_is_used(
    config: Config, toy_lake: Lake, fixed_scorer: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_DATABASE_URL", "postgresql://somewhere")
    asked: list[tuple[str, str]] = []

    def champion(url: str, source: str) -> str:
        asked.append((url, source))
        return VERSION

    monkeypatch.setattr(generate_candidates, "champion", champion)

    assert run(config) == 0
    assert asked == [("postgresql://somewhere", config.source)]


@pytest.mark.parametrize("url", [None, "postgresql://somewhere"])
def test_without_any_model_the_error_says_what_to_do(
    config: Config,
    toy_lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str | None,
) -> None:
    monkeypatch.delenv("RECSYS_DATABASE_URL", raising=False)
    if url:
        monkeypatch.setenv("RECSYS_DATABASE_URL", url)
    monkeypatch.setattr(generate_candidates, "champion", lambda url, source: None)

    assert run(config) == 3
    assert "run train_models, evaluate and promote_model" in capsys.readouterr().err
    assert toy_lake.manifest(PAIRS) is None


def test_an_unknown_version_is_bad_data(
    config: Config, toy_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--model-version=nope") == 2
    assert "models.versions has no committed partition 'nope'" in capsys.readouterr().err
