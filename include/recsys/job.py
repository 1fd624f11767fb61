"""What every job shares: flags, configuration, one start line, one end line, a report, exit codes.

A job file reads as parse, read, call one function, write, report:

    def build(job: Job) -> None:
        transactions = job.partition("cleaned.transactions")
        step = job.step(["features.articles"], inputs=[transactions], settings=job.config.features)
        if step.is_current:
            return
        with step.write("features.articles") as draft:
            ...

    def main(argv: Sequence[str] | None = None) -> int:
        return run_job(build, argv, name="build_features", description=__doc__)
"""

import argparse
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recsys import log
from recsys.config import Config, load_config
from recsys.digest import sha256_of_code, sha256_of_json
from recsys.errors import RecsysError
from recsys.faults import explained_store
from recsys.flags import overrides, parse
from recsys.manifest import fingerprint_of_parts
from recsys.memory import keep_freed_memory
from recsys.paths import Partition
from recsys.remembered import remembered_sha256
from recsys.step import Step
from recsys.storage import Lake

#: A key for data sets that have one partition for all time, such as the id maps.
ALL_TIME = "all"


@cache
def code_fingerprint() -> str:
    """Return the sha256 of the library's source: other code may give other rows."""
    return sha256_of_code(Path(__file__).parent)


@dataclass(frozen=True)
class Before:
    """An input of which only the parts before a day are read, such as the days of a history."""

    partition: Partition
    day: date

    def __str__(self) -> str:
        """Return `dataset before day`: the same name whichever run date the view is of."""
        return f"{self.partition.dataset} before {self.day}"


Input = Partition | Before | Path | str


@dataclass
class Job:
    """One run of one job: what it was told and what it wrote."""

    name: str
    config: Config
    run_date: date
    args: argparse.Namespace
    lake: Lake
    logger: logging.Logger
    steps: list[Step] = field(default_factory=list)
    #: Facts for the report that are not in a manifest.
    facts: dict[str, Any] = field(default_factory=dict)
    #: Set by a job whose output is not in the lake, when it found that output to be current.
    unchanged: bool = False

    def partition(self, dataset: str, key: str | date | None = None) -> Partition:
        """Return a data set's partition; its key is the run date unless another is given."""
        return Partition(dataset, str(key if key is not None else self.run_date))

    def step(
        self,
        outputs: Sequence[str | Partition],
        *,
        inputs: Sequence[Input],
        settings: BaseModel | Mapping[str, Any] | None = None,
        dated: bool = True,
    ) -> Step:
        """Return the step that makes `outputs` from `inputs`; ask it whether it must run.

        Args:
            outputs: data set names (at the run date) or partitions.
            inputs: committed partitions, and raw files by path or address.
            settings: whatever else changes the result; the code and the seed always count.
            dated: whether the run date itself changes the result.

        Raises:
            MissingPartitionError: an input was never committed.
        """
        partitions = [o if isinstance(o, Partition) else self.partition(o) for o in outputs]
        digests = self._digests(inputs)
        plain = self._plain(settings)
        fingerprint = self._fingerprint(digests, plain, dated=dated)
        step = Step(self.lake, partitions, digests, plain, fingerprint, force=self.args.force)
        self.steps.append(step)
        return step

    def fingerprint(
        self,
        *,
        inputs: Sequence[Input],
        settings: BaseModel | Mapping[str, Any] | None = None,
        dated: bool = True,
    ) -> str:
        """Return what `step` would stamp on its outputs: for keys that are made of it."""
        return self._fingerprint(self._digests(inputs), self._plain(settings), dated=dated)

    def _digests(self, inputs: Sequence[Input]) -> dict[str, str]:
        return {self._name(i): self.digest(i) for i in inputs}

    def _name(self, source: Input) -> str:
        """Return an input's name, without the run date: that counts where a step is dated."""
        if isinstance(source, Partition) and source.key == str(self.run_date):
            return source.dataset
        return str(source)

    def digest(self, source: Input) -> str:
        """Return what stands for an input's contents in a step's `inputs`."""
        if isinstance(source, Partition):
            return self.lake.require(source).fingerprint
        if isinstance(source, Before):
            parts = self.lake.require(source.partition).parts
            return fingerprint_of_parts(p for p in parts if p.key < str(source.day))
        return self.sha256(source)

    def sha256(self, file: str | Path) -> str:
        """Return the sha256 of a raw file; see `remembered_sha256`."""
        return remembered_sha256(self.lake, file, again=self.args.force)

    def _plain(self, settings: BaseModel | Mapping[str, Any] | None) -> dict[str, Any]:
        plain = settings.model_dump() if isinstance(settings, BaseModel) else dict(settings or {})
        return plain | {"seed": self.config.seed}

    def _fingerprint(self, digests: dict[str, str], plain: dict[str, Any], *, dated: bool) -> str:
        day = self.run_date.isoformat() if dated else None
        return sha256_of_json([self.name, code_fingerprint(), day, digests, plain])

    def report(self, *, status: str, seconds: float, error: str | None = None) -> dict[str, Any]:
        """Return what the job did, as plain data."""
        written = [m for step in self.steps for m in step.written]
        outputs = [
            {
                "dataset": m.dataset,
                "key": m.key,
                "rows": m.rows,
                "counts": m.counts,
                "notes": m.notes,
            }
            for m in written
        ]
        return {
            "job": self.name,
            "run_date": self.run_date.isoformat(),
            "status": status,
            "seconds": round(seconds, 3),
            "outputs": outputs,
            "facts": self.facts,
            "error": error,
        }


def run_job(
    build: Callable[[Job], None],
    argv: Sequence[str] | None,
    *,
    name: str,
    description: str | None,
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Run a job from its command line and return its exit code.

    0 done or already current; 1 failed, worth another try; 2 bad input data; 3 bad configuration.
    With `--report`, what happened is also written as JSON below the lake's root.
    """
    args = parse(argv, name=name, description=description, add_arguments=add_arguments)
    log.configure(args.log_level)
    keep_freed_memory()
    logger = log.get_logger(name)
    started = time.monotonic()
    job: Job | None = None
    try:
        config = load_config(args.env, overrides(args))
        with explained_store(config.lake_root, config.data):
            lake = Lake(config.lake_root)
            lake.reach()
            job = Job(name, config, args.run_date, args, lake, logger)
            logger.info(
                "start %s",
                log.fields(run_date=args.run_date, env=config.env, lake=config.lake_root),
            )
            build(job)
    except RecsysError as error:
        status = {2: "bad_data", 3: "bad_configuration"}.get(error.exit_code, "failed")
        _finish(job, args, status=status, started=started, error=str(error))
        logger.error("%s", error)
        return error.exit_code
    except Exception as error:
        _finish(
            job, args, status="failed", started=started, error=f"{type(error).__name__}: {error}"
        )
        raise
    current = bool(job.steps) and not any(step.written for step in job.steps)
    current = current or job.unchanged
    _finish(job, args, status="unchanged" if current else "written", started=started)
    return 0


def _finish(
    job: Job | None,
    args: argparse.Namespace,
    *,
    status: str,
    started: float,
    error: str | None = None,
) -> None:
    if job is None:
        return
    report = job.report(status=status, seconds=time.monotonic() - started, error=error)
    rows = {f"{o['dataset']}": o["rows"] for o in report["outputs"]}
    job.logger.info("end %s", log.fields(status=status, seconds=report["seconds"], **rows))
    if not args.report:
        return
    try:
        with explained_store(job.config.lake_root):
            job.lake.write_text(args.report, json.dumps(report, indent=2, default=str))
    except RecsysError as fault:  # it must not hide what the job came to
        job.logger.warning("no report: %s", fault)
