"""Shards of customers, made by this process or by Spark's workers: the same bytes either way.

What makes shards is loaded from the lake where they are made: here once; by a Spark worker at its
first shard, by its own copy of the library, and kept for the next. So the driver of Spark's workers
loads no TensorFlow, and they need the packages, the memory and the lake that this process would.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa

from recsys.config import Config
from recsys.errors import ConfigError, DataError, RecsysError
from recsys.job import Job
from recsys.log import get_logger
from recsys.paths import Partition
from recsys.shards import Shards
from recsys.storage import Draft, Lake

#: What a worker says of a shard; `error` is a sentence for a person, null where all went well.
SAID = pa.schema([("shard", pa.int64()), ("exit_code", pa.int32()), ("error", pa.string())])

#: What this process has loaded, by the key that says what it is.
loaded: dict[str, Any] = {}


@dataclass(frozen=True)
class Maker:
    """What makes shards, told so that it can be sent to a worker.

    load: returns it, of a job that may run elsewhere.
    method: its method that returns a shard, by number, and named counts of it.
    key: what is loaded is the same where this is.
    """

    load: Callable[[Job], Any]
    method: str
    key: str

    def make(self, job: Job, number: int) -> tuple[pa.Table, Mapping[str, int]]:
        """Return a shard, and named counts of it."""
        if self.key not in loaded:
            loaded.clear()  # what another step needed
            loaded[self.key] = self.load(job)
        made: tuple[pa.Table, Mapping[str, int]] = getattr(loaded[self.key], self.method)(number)
        return made


def write_shards(job: Job, shards: Shards, maker: Maker) -> None:
    """Make the shards that are not there yet, where the settings say, and conclude.

    Raises:
        RecsysError: what the maker raises.
    """
    missing = shards.missing()
    if len(missing) < shards.count:
        job.logger.info("%d of %d shards are there", shards.count - len(missing), shards.count)
    if missing and job.config.spark.scoring:
        _have_made(job, shards, maker, missing)
        missing = []
    for number in missing:
        shards.put(number, *maker.make(job, number))
        job.logger.info("wrote shard %d of %d", number + 1, shards.count)
    shards.conclude()


@dataclass(frozen=True)
class Order:
    """What a worker is told."""

    maker: Maker
    name: str
    config: Config
    run_date: date
    partition: Partition
    path: str
    count: int
    missing: frozenset[int]

    def fill(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Make the shards whose numbers come, and say what became of each."""
        lake = Lake(self.config.lake_root)
        args, logger = argparse.Namespace(), get_logger(self.name)
        job = Job(self.name, self.config, self.run_date, args, lake, logger)
        shards = Shards(lake, Draft(self.partition, self.path), self.count)
        for batch in batches:
            for number in batch.column(0).to_pylist():
                if number in self.missing:
                    yield self._make(job, shards, number)

    def _make(self, job: Job, shards: Shards, number: int) -> pa.RecordBatch:
        said: tuple[int, str | None] = (0, None)
        try:
            shards.put(number, *self.maker.make(job, number))
        except RecsysError as error:  # Spark would try again in vain, and tell it as a stack trace
            said = error.exit_code, str(error)
        return pa.RecordBatch.from_pylist(
            [{"shard": number, "exit_code": said[0], "error": said[1]}], SAID
        )


def _have_made(job: Job, shards: Shards, maker: Maker, missing: list[int]) -> None:
    """Have Spark's workers make shards, a task each."""
    # Only here: a job that makes them itself must not wait for Spark, nor meet it.
    from recsys.spark import build_session, by_workers

    config, draft = job.config, shards.draft
    session = build_session(
        config, job.name, rows=config.spark.small_rows, task_cpus=config.spark.scoring_cpus
    )
    order = Order(
        maker, job.name, config, job.run_date, draft.partition, draft.path, shards.count,
        frozenset(missing),
    )  # fmt: skip
    numbers = session.range(0, shards.count, 1, shards.count)
    said = by_workers(numbers, partial(Order.fill, order), SAID).collect()
    if faults := sorted({(row.exit_code, row.error) for row in said if row.error}):
        # Of several the one that another try would not mend.
        kinds = {kind.exit_code: kind for kind in (RecsysError, DataError, ConfigError)}
        raise kinds[faults[-1][0]]("; ".join(error for _, error in faults))
