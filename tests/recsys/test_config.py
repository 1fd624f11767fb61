from pathlib import Path

import pytest

from recsys.config import load_config
from recsys.errors import ConfigError


def test_flags_win_over_the_environment_file_and_that_over_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 1\nmodel: {dim: 8, epochs: 2}\n")
    (tmp_path / "small.yaml").write_text("model: {epochs: 3}\n")
    config = load_config("small", ["model.epochs=4"], folder=tmp_path)
    assert (config.seed, config.model.dim, config.model.epochs) == (1, 8, 4)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("modle: {dim: 8}\nmodel: {dim: -1}\n")
    with pytest.raises(ConfigError) as caught:
        load_config("base", folder=tmp_path)
    assert "modle" in str(caught.value)
    assert "model.dim" in str(caught.value)


def test_an_unknown_environment_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("")
    with pytest.raises(ConfigError, match="must be one of base"):
        load_config("prod", folder=tmp_path)


def test_a_list_longer_than_its_fallback_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most candidates\.popular"):
        load_config("base", ["recommendations.k=50", "candidates.popular=20"])


def test_two_data_folders_have_two_lakes(tmp_path: Path) -> None:
    first, second = (load_config("base", [f"data={tmp_path / n}"]) for n in ("a", "b"))
    assert first.lake_root != second.lake_root
    assert first.source.startswith("a-")


@pytest.mark.parametrize("name", ["base", "demo", "simulated", "test"])
def test_each_shipped_environment_loads(name: str) -> None:
    assert load_config(name).env == name


def test_limits_that_a_file_does_not_name_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "checks: {null_share: {cleaned.customers.age: {warning: {high: 0.1}}},"
        " values: {cleaned.customers.age: {values: {low: 12}}}}\n"
    )
    checks = load_config("base", ["checks.daily_rows.share.breach.low=0.2"], folder=tmp_path).checks
    assert checks.null_share["cleaned.customers.age"].warning.high == 0.1
    assert checks.null_share["cleaned.transactions.price"].breach.high == 0
    age = checks.values["cleaned.customers.age"]
    assert (age.values.low, age.values.high, age.outside_share.warning.high) == (12, 99, 0.01)
    share = checks.daily_rows.share
    assert (share.breach.low, share.breach.high, share.warning.low) == (0.2, 10, 0.5)


def test_an_unknown_limit_is_named() -> None:
    with pytest.raises(ConfigError, match=r"checks\.age_days\.breech"):
        load_config("base", ["checks.age_days.breech.high=3"])


def test_a_band_without_a_value_in_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"low must be at most high\. Got 3\.0 and 2\.0"):
        load_config("base", ["checks.age_days.breach.low=3", "checks.age_days.breach.high=2"])


def test_a_setting_that_is_no_yaml_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^'recommendations\.k=\[1\]x' is not YAML: "):
        load_config("base", ["recommendations.k=[1]x"])
