from pathlib import Path
from typing import get_args

import pytest

from recsys.config import Policy
from recsys.errors import ConfigError
from stack.arguments import POLICIES, parse


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("articles.csv", "customers.csv", "transactions_train.csv"):
        (tmp_path / name).touch()
    return tmp_path


def test_reads_what_the_user_asked_for(data: Path) -> None:
    arguments = parse(["run", "--data", str(data), "--policy", "none", "--k", "7"])
    assert (arguments.data, arguments.policy, arguments.k) == (str(data), "none", 7)


def test_leaves_out_what_the_user_left_out() -> None:
    arguments = parse(["run"])
    assert (arguments.data, arguments.policy, arguments.k) == (None, None, None)


def test_a_relative_data_folder_becomes_absolute(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    assert parse(["run", "--data", data.name]).data == str(data)


def test_an_address_is_left_to_the_jobs() -> None:
    assert parse(["run", "--data", "s3://bucket/hm"]).data == "s3://bucket/hm"


def test_knows_the_policies_of_the_configuration() -> None:
    assert set(POLICIES) == set(get_args(Policy)) == {"all", "last_n_days", "none"}


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["run", "--policy", "some"], "POLICY must be one of all, last_n_days, none. Got some"),
        (["run", "--k", "0"], "K must be a number from 1 to 100. Got 0"),
        (["run", "--k", "101"], "K must be a number from 1 to 100. Got 101"),
        (["run", "--k", "twelve"], "K must be a number from 1 to 100. Got twelve"),
        (["run", "--data", "/no/such"], "DATA must be a folder, and there is no /no/such"),
        (["export", "--out", "/no/such/recs.csv"],
         "OUT must be a file in a folder that exists. Got /no/such/recs.csv"),
        (["promote", "--version", ""], "VERSION must be one of recs.model_versions. Got nothing"),
        (["export", "--out", "/"], "OUT must be a file in a folder that exists. Got /"),
    ],
)  # fmt: skip
def test_a_bad_value_is_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(argv)
    assert str(error.value) == sentence


def test_every_missing_file_is_named(data: Path) -> None:
    (data / "articles.csv").unlink()
    (data / "customers.csv").unlink()
    with pytest.raises(ConfigError) as error:
        parse(["run", "--data", str(data)])
    assert str(error.value) == f"DATA={data} lacks articles.csv, customers.csv"


def test_an_unknown_command_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="invalid choice: 'fly'"):
        parse(["fly"])
