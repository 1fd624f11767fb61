"""The Spark jobs on a cluster of several processes, against the same in one process."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import generate_candidates, rank_candidates, train_models
from pyspark.sql import SparkSession
from tests import chain
from tests.cluster.cluster import started_cluster
from tests.jobs.test_recommendation_jobs import RUN_DATE, fill_lake, flags

from recsys.config import REPOSITORY, load_config
from recsys.paths import Partition
from recsys.storage import Lake

pytestmark = [pytest.mark.spark, pytest.mark.cluster]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


def run_python(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a driver of its own, which listens where the workers are."""
    env = os.environ | {
        "PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, *argv]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=400, check=False
    )


@pytest.mark.timeout(1200)
def test_jobs_write_the_same_rows_as_in_one_process(
    master: str, spark: SparkSession, tmp_path: Path
) -> None:
    data = chain.simulate(tmp_path / "tiny")
    lakes = [str(tmp_path / name) for name in ("cluster", "local")]
    on_cluster, here = (chain.flags(str(data), lake, tmp_path / "state") for lake in lakes)
    for job in chain.NIGHT:
        settings = (f"--set=spark.master={master}", "--set=spark.small_rows=0")
        done = run_python(job.__file__, *on_cluster, *settings)
        assert done.returncode == 0, done.stderr
        chain.run(job, here)
    found, expected = (chain.rows(Lake(lake)) for lake in lakes)
    assert {name.split("[")[0] for name in found} == set(chain.NIGHT_DATA)
    assert found == expected


ASK_EXECUTORS = """
import os, sys
from recsys.config import load_config
from recsys.spark import build_session

def describe(batches):
    import pyarrow as pa
    import recsys
    from recsys.digest import sha256_of_json
    for batch in batches:
        row = {"pid": os.getpid(), "place": recsys.__file__, "digest": sha256_of_json([1])}
        yield pa.RecordBatch.from_pylist([row])

spark = build_session(load_config("test", sys.argv[1:]), "ask", rows=0)
asked = spark.range(4).repartition(4).mapInArrow(describe, "pid long, place string, digest string")
for row in asked.collect():
    print("row", row.pid != os.getpid(), row.place, row.digest)
spark.stop()
"""


def test_executors_have_the_library(master: str, tmp_path: Path) -> None:
    overrides = [f"spark.master={master}", f"state={tmp_path}"]
    done = run_python("-c", ASK_EXECUTORS, *overrides)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("row")]
    assert rows
    for _, is_another_process, place, digest in rows:
        assert is_another_process == "True"
        assert place.endswith("recsys.zip/recsys/__init__.py")
        assert digest == "080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22"


def test_a_store_that_executors_cannot_reach_is_one_sentence(master: str, tmp_path: Path) -> None:
    code = (
        "import sys; from recsys.config import load_config; from recsys.spark import *;"
        "read_parquet(build_session(load_config('test', sys.argv[1:]), 'ask', rows=0), ['s3://b/a'])"
    )
    done = run_python("-c", code, f"spark.master={master}", f"state={tmp_path}")
    assert done.stderr.strip().splitlines()[-1] == (
        f"recsys.errors.ConfigError: Spark at {master} has no client for s3:// addresses: add"
        " Hadoop's to its jars, for s3:// spark.jars.packages=org.apache.hadoop:hadoop-aws:3.5.0"
    )


@pytest.mark.tensorflow
@pytest.mark.timeout(1200)
def test_customers_are_scored_to_the_same_bytes_as_in_one_process(
    master: str, tmp_path: Path
) -> None:
    here = Lake(str(tmp_path / "local"))
    fill_lake(here)
    settings = flags(load_config("test", [f"lake={here.root}", f"state={tmp_path}"]))
    trained = run_python(train_models.__file__, *settings)
    assert trained.returncode == 0, trained.stderr
    report = json.loads(Path(here.address("report.json")).read_text())
    settings += [f"--model-version={report['facts']['model_version']}"]
    settings += ["--set=candidates.shard_customers=9", "--set=recommendations.max_per_product=1"]
    on_cluster = Lake(str(tmp_path / "cluster"))
    shutil.copytree(here.root, on_cluster.root)
    told = [f"--set=state={tmp_path}", f"--set=spark.master={master}", "--set=spark.scoring=true"]
    for job in (generate_candidates, rank_candidates):
        assert run_python(job.__file__, *settings).returncode == 0
        done = run_python(job.__file__, *settings, f"--lake={on_cluster.root}", *told)
        assert done.returncode == 0, done.stderr
    names = ("candidates.ease", "candidates.pairs", "recommendations.lists")
    for name in (*names, "recommendations.offered"):
        partition = Partition(name, str(RUN_DATE))
        found, expected = (
            [Path(file).read_bytes() for file in lake.files(partition)]
            for lake in (on_cluster, here)
        )
        assert found == expected, name
        assert len(found) == (1 if name in ("candidates.ease", "recommendations.offered") else 7)
