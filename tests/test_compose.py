"""docker-compose.yaml, as the real Compose reads it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
COMPOSE_FILE = REPOSITORY / "docker-compose.yaml"
GPU_FILE = REPOSITORY / "docker-compose.gpu.yaml"
SERVICES = {
    "init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "worker", "worker-gpu", "spark-master", "spark-worker", "postgres",
    "redis", "objects",
}  # fmt: skip


@pytest.fixture(scope="session")
def compose() -> str:
    """The Compose of the development requirements, or the machine's."""
    own = Path(sys.executable).parent / "docker-compose"
    found = str(own) if own.is_file() else shutil.which("docker-compose")
    assert found, "docker-compose is missing: install requirements-dev.txt"
    return found


@pytest.fixture
def filled_in(tmp_path: Path) -> Path:
    """.env.example with a value for every name."""
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    values = [f"{line}/v-{line[:-1].lower()}" if line.endswith("=") else line for line in lines]
    path = tmp_path / "env"
    path.write_text("\n".join(values))
    return path


def run(compose: str, env_file: Path, *files: Path) -> "subprocess.CompletedProcess[str]":
    """Run `docker-compose config` in an environment that sets nothing by itself."""
    chosen = [part for file in files for part in ("--file", str(file))]
    return subprocess.run(
        [compose, "--env-file", str(env_file), *chosen, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(env_file.parent)},
    )


@pytest.fixture
def services(compose: str, filled_in: Path) -> dict[str, Any]:
    """The services as Compose would start them."""
    done = run(compose, filled_in, COMPOSE_FILE)
    assert (done.returncode, done.stderr) == (0, "")
    parsed: dict[str, Any] = json.loads(done.stdout)["services"]
    return parsed


def test_the_services_are_these(services: dict[str, Any]) -> None:
    assert set(services) == SERVICES


def test_every_lasting_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, s in services.items() if not s.get("healthcheck")} == {"init"}


def test_two_kinds_of_workers_listen_on_two_queues(services: dict[str, Any]) -> None:
    commands = {name: services[name]["command"] for name in ("worker", "worker-gpu")}
    assert commands == {
        "worker": ["airflow", "celery", "worker", "--queues", "default", "--concurrency", "4"],
        "worker-gpu": ["airflow", "celery", "worker", "--queues", "gpu", "--concurrency", "1"],
    }


def test_airflow_starts_after_what_it_needs_is_prepared(services: dict[str, Any]) -> None:
    waiting = {
        name: service["depends_on"]["init"]["condition"]
        for name, service in services.items()
        if "init" in service.get("depends_on", {})
    }
    done = "service_completed_successfully"
    assert waiting == {
        "airflow-api-server": done,
        "airflow-scheduler": done,
        "airflow-dag-processor": done,
        "airflow-triggerer": done,
        "worker": done,
        "worker-gpu": done,
    }
    assert services["init"]["command"] == ["python", "docker/prepare.py"]
    assert {n: d["condition"] for n, d in services["init"]["depends_on"].items()} == {
        "postgres": "service_healthy",
        "redis": "service_healthy",
        "objects": "service_healthy",
    }


def test_workers_find_spark_postgres_and_the_lake(services: dict[str, Any]) -> None:
    told = services["worker"]["environment"]
    assert json.loads(told["AIRFLOW_CONN_SPARK_DEFAULT"]) == {
        "conn_type": "spark",
        "host": "spark://spark-master:7077",
    }
    assert told["AIRFLOW_CONN_RECS_LOADER"].startswith("postgres://recs_loader:")
    assert (told["RECSYS_ENV"], told["RECSYS_DATA"]) == ("cluster", "/data")
    cluster = yaml.safe_load((REPOSITORY / "conf" / "cluster.yaml").read_text())
    assert cluster["lake"] == "s3://recsys/lake"
    assert cluster["spark"]["master"] == "spark://spark-master:7077"
    for name in ("worker", "worker-gpu", "spark-worker"):
        volumes = {v["target"]: v for v in services[name]["volumes"]}
        assert volumes["/data"]["read_only"], name
        assert services[name]["environment"]["AWS_ENDPOINT_URL"] == "http://objects:8333"


def test_only_the_loader_s_password_reaches_the_tasks(services: dict[str, Any]) -> None:
    for name in ("worker", "worker-gpu", "spark-worker"):
        values = " ".join(map(str, services[name]["environment"].values()))
        assert "v-postgres_password" not in values, name
        assert "v-recs_owner_password" not in values, name


def test_nothing_is_open_to_other_machines(services: dict[str, Any]) -> None:
    published = [
        (name, port["host_ip"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", ())
    ]
    assert sorted(published) == [
        ("airflow-api-server", "127.0.0.1", 8080),
        ("postgres", "127.0.0.1", 5432),
    ]


def test_images_are_pinned(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values()}
    assert images == {
        "hm-recommender", "postgres:17-bookworm", "redis:7.2-bookworm",
        "chrislusf/seaweedfs:3.97",
    }  # fmt: skip


def test_the_gpu_overlay_reserves_a_card_for_one_worker(compose: str, filled_in: Path) -> None:
    done = run(compose, filled_in, COMPOSE_FILE, GPU_FILE)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    reserved = {
        name: service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"]
        for name, service in services.items()
        if "reservations" in service.get("deploy", {}).get("resources", {})
    }
    assert reserved == {"worker-gpu": ["gpu"]}
    assert services["worker-gpu"]["build"]["args"] == {"REQUIREMENTS": "requirements-gpu.txt"}


def test_a_secret_that_is_not_given_is_named(compose: str, filled_in: Path) -> None:
    text = filled_in.read_text()
    names = re.findall(r"^(\w+)=/v-", text, flags=re.MULTILINE)
    assert len(names) == 13
    for name in names:
        filled_in.write_text(re.sub(rf"^{name}=.*$", f"{name}=", text, flags=re.MULTILINE))
        done = run(compose, filled_in, COMPOSE_FILE)
        assert done.returncode != 0
        assert f"required variable {name} is missing a value" in done.stderr


def test_no_secret_stands_in_the_files() -> None:
    for file in (COMPOSE_FILE, GPU_FILE, REPOSITORY / "Dockerfile"):
        for line in file.read_text().splitlines():
            key, _, value = line.strip().partition(": ")
            if re.search(r"PASSWORD|SECRET|_KEY|JWT|_AUTH$", key) and not key.endswith("MANAGER"):
                assert re.fullmatch(r"\$\{\w+:\?\}", value), line
        assert not re.search(r"://\w+:(?!\$\{)[^@\s]+@", file.read_text()), file.name


def test_what_the_image_copies_is_not_ignored() -> None:
    copied = set(re.findall(r"^COPY (\S+) ", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE))
    kept = {
        line[1:]
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert copied == kept
    assert all(list(REPOSITORY.glob(name)) for name in copied)
