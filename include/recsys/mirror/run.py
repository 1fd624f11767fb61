"""A whole mirror: what is to be brought, by how many hands, and what is to go."""

import logging
import shutil
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from recsys.errors import ConfigError, RecsysError
from recsys.faults import ObjectError
from recsys.log import fields
from recsys.mirror.bucket import Bucket, RemoteFile
from recsys.mirror.index import FOLDER, Index, open_index
from recsys.mirror.names import check_names, folder_of, is_inside, is_plain
from recsys.mirror.transfer import entry_of, fetch, is_same

PROGRESS_S = 10
#: Objects' faults that are told one by one.
SHOWN = 5


@dataclass
class Outcome:
    """What a mirror did, in objects."""

    objects: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    #: There already: noted by an earlier run, or found to be the same.
    unchanged: int = 0
    #: Fetched, but the store has no checksum that can be compared: only the size was.
    size_only: int = 0
    #: Not in the bucket any more, and left in the folder.
    kept: int = 0
    removed: int = 0


@dataclass
class _Work:
    """What the threads share."""

    bucket: Bucket
    target: Path
    index: Index
    outcome: Outcome
    logger: logging.Logger
    queue: deque[RemoteFile]
    stop: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Take objects from the queue until it is empty or somebody failed."""
        while not self.stop.is_set():
            try:
                file = self.queue.popleft()
            except IndexError:
                return
            try:
                self._bring(file)
            except ObjectError as error:
                with self.lock:
                    self.faults.append(str(error))

    def _bring(self, file: RemoteFile) -> None:
        path = self.target / file.name
        if is_same(self.bucket, file, path):
            self._note(file, path)
            with self.lock:
                self.outcome.unchanged += 1
            return
        is_checked = fetch(
            self.bucket, file, path, parts=self.target / FOLDER / "parts", stop=self.stop
        )
        self._note(file, path)
        with self.lock:
            self.outcome.fetched += 1
            self.outcome.fetched_bytes += file.size
            self.outcome.size_only += not is_checked
        if not is_checked:
            self.logger.warning("%s: the store has no checksum to compare, only a size", file.key)

    def _note(self, file: RemoteFile, path: Path) -> None:
        if entry := entry_of(file, path):
            self.index.add(file.name, entry)


def mirror(
    bucket: Bucket, target: Path, *, workers: int, delete: bool, logger: logging.Logger
) -> Outcome:
    """Make the target hold every object below the bucket's address, and say what was done.

    An object that an earlier run brought, and whose file was not touched since, is not read again.
    A file whose object is gone stays, unless `delete`; files that no mirror brought always stay.

    Raises:
        ConfigError: no bucket, no credentials, no permission, or the target cannot be written.
        DataError: a key that leads out of the target.
        RecsysError: the store cannot be reached, or objects changed or were damaged on their way;
            all others have arrived, and another run goes on from there.
    """
    files = bucket.list_files()
    try:
        check_names(files, target)
        with open_index(target, bucket.address) as index:
            outcome = Outcome(objects=len(files))
            _part_with(files, target, index, outcome, delete=delete)
            missing = [f for f in files if not _is_noted(f, target / f.name, index)]
            outcome.unchanged = len(files) - len(missing)
            parts = target / FOLDER / "parts"
            parts.mkdir(exist_ok=True)
            missing.sort(key=lambda file: file.size, reverse=True)
            work = _Work(bucket, target, index, outcome, logger, deque(missing))
            _run(work, workers)
            shutil.rmtree(parts)
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename or target}: {error.strerror or error}"
        ) from error
    return outcome


def _is_noted(file: RemoteFile, path: Path, index: Index) -> bool:
    entry = entry_of(file, path)
    return entry is not None and entry == index.get(file.name)


def _part_with(
    files: Iterable[RemoteFile], target: Path, index: Index, outcome: Outcome, *, delete: bool
) -> None:
    """Count the files whose objects are gone, and remove them where asked to."""
    listed = {file.name for file in files}
    gone = [name for name in index.names() if name not in listed]
    if not delete:
        outcome.kept = len(gone)
        return
    for name in gone:
        if is_plain(name) and is_inside(target, folder_of(name)):
            (target / name).unlink(missing_ok=True)
            _prune(target, name)
        index.remove(name)
        outcome.removed += 1


def _prune(target: Path, name: str) -> None:
    """Remove the folders above a file that went, as far as they are empty."""
    for folder in Path(name).parents[:-1]:
        try:
            (target / folder).rmdir()
        except OSError:
            return


def _run(work: _Work, workers: int) -> None:
    total, started = len(work.queue), time.monotonic()
    with ThreadPoolExecutor(workers, thread_name_prefix="mirror") as pool:
        threads = {pool.submit(work.run) for _ in range(min(workers, total))}
        try:
            _watch(work, threads, total, started)
        finally:
            # Also when this thread is interrupted: the pool waits for its threads.
            work.stop.set()
    if work.faults:
        more = [f"and {len(work.faults) - SHOWN} more"] if len(work.faults) > SHOWN else []
        raise RecsysError("; ".join([*work.faults[:SHOWN], *more]))


def _watch(work: _Work, threads: set[Future[None]], total: int, started: float) -> None:
    """Log how far it is until all threads are done, or raise the first one's error."""
    running = threads
    while running:
        done, running = wait(running, timeout=PROGRESS_S, return_when=FIRST_EXCEPTION)
        for thread in done:
            thread.result()
        if running:
            seconds = time.monotonic() - started
            brought = work.outcome.fetched_bytes / 1e6
            work.logger.info(
                "mirrored %s",
                fields(
                    left=len(work.queue) + len(running),
                    of=total,
                    megabytes=round(brought, 1),
                    megabytes_a_second=round(brought / seconds, 1),
                ),
            )
