"""Let Spark read at an address: by a client of Hadoop's, else by way of local copies.

`recsys.spark` alone calls this; the rest of the platform gives Spark the addresses that the lake
and the raw folder have, such as `s3://bucket/lake/...`.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from recsys.errors import ConfigError
from recsys.faults import endpoint_url
from recsys.store import open_store

#: What Hadoop calls the stores that it has another name for.
HADOOP_SCHEMES = {"s3": "s3a"}
LOCAL = ("", "file")


def hadoop_settings() -> dict[str, str]:
    """Return what makes Hadoop's S3 client find the store that s3fs finds, as Spark settings.

    Spark itself hands it AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
    """
    settings = {}
    if endpoint := endpoint_url():
        settings["spark.hadoop.fs.s3a.endpoint"] = endpoint
        # As boto3 does: a store other than Amazon's has no domain for each bucket.
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        settings["spark.hadoop.fs.s3a.endpoint.region"] = region
    return settings


def readable(spark: SparkSession, addresses: Sequence[str]) -> list[str]:
    """Return the names by which Spark can read files of the lake, which never change.

    Args:
        spark: the session that is to read them.
        addresses: of files.

    Raises:
        ConfigError: Spark can neither reach the store nor read local copies.
    """
    names = [(address, _name(spark, address)) for address in addresses]
    if without := [address for address, name in names if name is None]:
        copies().fetch(without)
    return [name or copies().path(address) for address, name in names]


def _name(spark: SparkSession, address: str) -> str | None:
    """Return what Spark calls a file or folder; None where only a local copy will do."""
    scheme, _, rest = address.rpartition("://")
    if scheme in LOCAL:
        return address
    hadoop_scheme = HADOOP_SCHEMES.get(scheme, scheme)
    if _has_client(spark, hadoop_scheme):
        return f"{hadoop_scheme}://{rest}"
    master = str(spark.sparkContext.master)
    if master.startswith("local"):
        return None
    raise ConfigError(
        f"Spark at {master} has no client for {scheme}:// addresses: add Hadoop's to its jars, for"
        f" s3:// spark.jars.packages=org.apache.hadoop:hadoop-aws:{_hadoop_version(spark)}"
    )


@cache  # a history is hundreds of files, and each question goes to Java
def _has_client(spark: SparkSession, scheme: str) -> bool:
    hadoop, context = _hadoop(spark), spark.sparkContext
    try:
        hadoop.fs.FileSystem.getFileSystemClass(scheme, context._jsc.hadoopConfiguration())
    except Py4JJavaError:  # no such scheme, or its class is not among the jars
        return False
    return True


def _hadoop_version(spark: SparkSession) -> str:
    return str(_hadoop(spark).util.VersionInfo.getVersion())


def _hadoop(spark: SparkSession) -> Any:
    """Return the Java package `org.apache.hadoop`."""
    jvm: Any = spark.sparkContext._jvm
    return jvm.org.apache.hadoop


@cache
def scratch() -> Path:
    """Return a folder of this process that goes when it ends; it is below TMPDIR."""
    folder = tempfile.mkdtemp(prefix="recsys-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def copies() -> "Copies":
    """Return this process's local copies."""
    return Copies(scratch() / "copies")


class Copies:
    """Local copies of files at addresses, below one folder and by the same paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: Addresses of the files that are there as a whole.
        self.held: set[str] = set()

    def path(self, address: str) -> str:
        """Return where the copy of a file or folder is or will be."""
        scheme, rest = address.split("://", 1)
        return f"{self.folder}/{scheme}/{rest}"

    def fetch(self, addresses: Sequence[str]) -> None:
        """Copy files from the store, many at a time; those that are held are not."""
        wanted = [a for a in dict.fromkeys(addresses) if a not in self.held]
        if not wanted:
            return
        fs, _ = open_store(wanted[0])
        fs.get([fs._strip_protocol(a) for a in wanted], [self.path(a) for a in wanted])
        self.held.update(wanted)
