"""Airflow in a throw-away home, and the DAGs as its DAG processor reads them."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
_home = tempfile.TemporaryDirectory(prefix="airflow-home-")

# Airflow reads its configuration when it is imported: nothing here may come after that.
if "airflow" not in sys.modules:
    os.environ["AIRFLOW_HOME"] = _home.name
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(REPOSITORY / "dags")
    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def dagbag() -> Any:
    """The DAGs of `dags/`, with the errors of files that could not be imported."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(REPOSITORY / "dags")
