"""What the services of a stack are told, all of it by environment variables."""

import json
import os
import sys
from pathlib import Path

from psycopg2.extensions import parse_dsn

from recsys.config import REPOSITORY
from recsys.java import ensure_java
from stack.credentials import Credentials
from stack.ports import HOST

ADMIN = "admin"


def build_environment(
    state: Path,
    credentials: Credentials,
    *,
    ui_port: int,
    metadata_url: str,
    loader_url: str,
    reader_url: str,
) -> dict[str, str]:
    """Return the environment of every service, and so of every task.

    Args:
        state: the stack's folder.
        credentials: its passwords and keys.
        ui_port: of the API server.
        metadata_url: Airflow's own database.
        loader_url: the serving database, for publishing.
        reader_url: the same, for reading.
    """
    return {
        # For runs that nobody tells otherwise.
        "RECSYS_ENV": "simulated",
        "RECSYS_DATA": str(simulated_data(state)),
        **_inherited(),
        **_airflow(state, credentials, ui_port, metadata_url),
        "RECSYS_STATE": str(state),
        "JAVA_HOME": str(ensure_java(state)),
        "PYSPARK_PYTHON": sys.executable,
        # A URI would make the provider fall back to YARN.
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
        "AIRFLOW_CONN_RECS_LOADER": _connection(loader_url),
        "AIRFLOW_CONN_RECS_READER": _connection(reader_url),
    }


def _inherited() -> dict[str, str]:
    """Return the user's environment without another Airflow's settings, with our programs first."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    # A superuser's address is for the stack alone; tasks get the loader's by connection.
    kept.pop("RECSYS_DATABASE_URL", None)
    path = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    python_path = [str(REPOSITORY / "include"), str(REPOSITORY / "plugins")]
    return kept | {"PATH": os.pathsep.join(path), "PYTHONPATH": os.pathsep.join(python_path)}


def _airflow(
    state: Path, credentials: Credentials, ui_port: int, metadata_url: str
) -> dict[str, str]:
    url = f"http://{HOST}:{ui_port}"
    settings = {
        "core__dags_folder": REPOSITORY / "dags",
        "core__plugins_folder": REPOSITORY / "plugins",
        "core__load_examples": False,
        "core__executor": "LocalExecutor",
        "core__parallelism": 4,
        "core__fernet_key": credentials.fernet_key,
        "core__execution_api_server_url": f"{url}/execution/",
        "core__simple_auth_manager_users": f"{ADMIN}:admin",
        "core__simple_auth_manager_passwords_file": passwords_file(state),
        "database__sql_alchemy_conn": metadata_url.replace(
            "postgresql://", "postgresql+psycopg2://", 1
        ),
        "api__host": HOST,
        "api__port": ui_port,
        "api__base_url": url,
        "api__workers": 1,
        "api__secret_key": credentials.api_secret,
        "api__instance_name": "H&M recommender",
        "api_auth__jwt_secret": credentials.jwt_secret,
        "logging__base_log_folder": state / "logs" / "tasks",
        "logging__dag_processor_child_process_log_directory": state / "logs" / "dags",
        "dag_processor__refresh_interval": 30,
        "usage_data_collection__enabled": False,
    }
    named = {f"AIRFLOW__{key.upper()}": str(value) for key, value in settings.items()}
    # Without it a process title overwrites the environment, and the stack's mark with it.
    return named | {"AIRFLOW_HOME": str(state / "airflow"), "SPT_NOENV": "1"}


def simulated_data(state: Path) -> Path:
    """Return the folder of the simulated data set."""
    return state / "data" / "simulated"


def passwords_file(state: Path) -> Path:
    """Return where Airflow's login reads its users' passwords."""
    return state / "airflow" / "passwords.json"


def _connection(url: str) -> str:
    """Return a libpq address as an Airflow connection; its options become extras."""
    parts = parse_dsn(url)
    names = {"host": "host", "port": "port", "user": "login", "password": "password"}
    named = {theirs: parts.pop(ours, None) for ours, theirs in names.items()}
    named |= {"conn_type": "postgres", "schema": parts.pop("dbname", None)}
    named["port"] = int(named["port"]) if named["port"] else None
    return json.dumps(named | {"extra": parts})
