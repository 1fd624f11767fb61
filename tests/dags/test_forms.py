"""The trigger form of each DAG: which fields it has, and what these accept."""

from copy import copy
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

SOURCE = {"run_date": None, "data": None, "env": None, "force": False}
NAMES = [
    "product_types", "without_product_types", "departments", "without_departments", "index_groups",
    "without_index_groups",
]  # fmt: skip
POLICIES = dict.fromkeys(
    [
        "k", "policy", *NAMES, "min_price", "max_price", "out_of_stock", "max_per_product",
        "max_per_type", "new_share", "new_days",
    ]
)  # fmt: skip
PARAMS = {
    "nightly_refresh": {**SOURCE, **POLICIES, "activate": None, "model_version": None},
    "embed_images": SOURCE,
    "train_models": SOURCE,
    "full_refresh": {**SOURCE, **POLICIES, "activate": "always"},
}


@pytest.mark.parametrize("dag_id", list(PARAMS))
def test_the_form(dagbag: Any, dag_id: str) -> None:
    params = dagbag.dags[dag_id].params
    assert params.dump() == PARAMS[dag_id]
    for name in params:
        schema = params.get_param(name).schema
        assert schema["title"] and params.get_param(name).description, name


def test_what_the_form_accepts(dagbag: Any, repository: Path) -> None:
    params = dagbag.dags["full_refresh"].params
    accepted: dict[str, list[Any]] = {
        "run_date": [None, "2020-09-23"],
        "data": [None, "/data/hm"],
        "env": [None, *(p.stem for p in (repository / "conf").glob("*.yaml"))],
        "k": [None, 1, 100],
        "policy": [None, "all", "last_n_days", "none"],
        "activate": [None, "newer", "always"],
        "force": [True, False],
        **{name: [None, [], ["Trousers"]] for name in NAMES},
        "min_price": [None, 0, 0.025],
        "max_price": [None, 0, 0.025],
        "out_of_stock": [None, "out_of_stock.csv"],
        "max_per_product": [None, 1],
        "max_per_type": [None, 12],
        "new_share": [None, 0, 0.25, 1],
        "new_days": [None, 1],
    }
    refused: dict[str, list[Any]] = {
        "run_date": ["23.9.2020", "2020-13-01", 5],
        "data": ["", 5],
        "env": ["production", ""],
        "k": [0, 101, 1.5, "many"],
        "policy": ["some"],
        "activate": ["older"],
        "force": [None, "perhaps"],
        **{name: ["Trousers", [5]] for name in NAMES},
        "min_price": [-1, "cheap"],
        "max_price": [-1, "cheap"],
        "out_of_stock": ["", 5],
        "max_per_product": [0, 1.5],
        "max_per_type": [0, "one"],
        "new_share": [-0.1, 1.1],
        "new_days": [0],
    }
    assert set(accepted) == set(refused) == set(params)
    for name, values in accepted.items():
        for value in values:
            assert copy(params.get_param(name)).resolve(value) == value
    for name, values in refused.items():
        for value in values:
            with pytest.raises(ParamValidationError):
                copy(params.get_param(name)).resolve(value)


def test_a_night_is_told_which_model_to_roll_back_to(dagbag: Any) -> None:
    dag = dagbag.dags["nightly_refresh"]
    version = dag.params.get_param("model_version")
    assert [copy(version).resolve(value) for value in (None, "v1")] == [None, "v1"]
    with pytest.raises(ParamValidationError):
        copy(version).resolve("")
    argument = dag.get_task("choose_model").arguments
    for value, told in ((None, ""), ("v1", "v1")):
        rendered = [dag.get_template_env().from_string(part) for part in argument]
        found = [part.render(params={"model_version": value}) for part in rendered]
        assert found == ["--model-version", told]
