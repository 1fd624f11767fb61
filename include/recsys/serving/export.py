"""The active run as a CSV file."""

import gzip
import io
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from psycopg2.extensions import connection as Connection

from recsys.errors import ConfigError
from recsys.log import get_logger
from recsys.serving.copy_out import copy_to, replace_when_done
from recsys.serving.migrate import require_current
from recsys.serving.postgres import session

logger = get_logger("serving.export")

PROGRESS_S = 5.0


@dataclass(frozen=True)
class ActiveRun:
    """What readers see now."""

    run_id: int
    run_date: str
    k: int
    policy: str
    recommendations: int


def export(
    url: str, out: Path, *, policy: str | None = None, k: int | None = None
) -> tuple[ActiveRun, int]:
    """Write `customer_id,rank,article_id,score` by customer and rank; return the run and the rows.

    Args:
        url: of a role that may read the schema recs.
        out: replaced when the file is complete; compressed where it ends in .gz.
        policy: what the run must have been made with; None takes any.
        k: how many ranks to write; None writes all.

    Raises:
        ConfigError: no run is active, it has another policy or shorter lists, or `out` cannot be
            written; each says what to do.
    """
    if not out.parent.is_dir():
        raise ConfigError(f"there is no folder {out.parent}: make it, or name another file")
    with session(url, name="recsys export") as connection:
        require_current(connection)
        run = _active_run(connection)
        _refuse_other(run, policy, k)
        rows = run.recommendations // run.k * (k or run.k)
        query = (
            "SELECT customer_id, rank, article_id, score FROM recs.recommendations"
            f" WHERE rank <= {k or run.k} ORDER BY customer_id, rank"
        )
        partial = replace_when_done(out)
        try:
            with _Counting(partial, rows, compress=out.suffix == ".gz") as file:
                copy_to(connection, query, cast(BinaryIO, file))
            partial.replace(out)
        except OSError as error:
            raise ConfigError(f"cannot write {out}: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)
    return run, rows


def _active_run(connection: Connection) -> ActiveRun:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id, run_date::text, k, policy, recommendations"
            " FROM recs.runs WHERE state = 'active'"
        )
        row = cursor.fetchone()
    if row is None:
        raise ConfigError("no run is active: run publish_recommendations first")
    return ActiveRun(*row)


def _refuse_other(run: ActiveRun, policy: str | None, k: int | None) -> None:
    remedy = "make one with `make run{}`, then export again"
    if policy is not None and policy != run.policy:
        raise ConfigError(
            f"the active run was made with policy {run.policy}, not {policy}: "
            + remedy.format(f" POLICY={policy}")
        )
    if k is not None and not 1 <= k <= run.k:
        raise ConfigError(
            f"the active run has {run.k} recommendations a customer, and k={k} were asked for: "
            + remedy.format(f" K={k}" if k > run.k else "")
        )


class _Counting(io.RawIOBase):
    """A file that COPY writes to, which says now and then how far it is."""

    def __init__(self, path: Path, rows: int, *, compress: bool) -> None:
        self._stack = ExitStack()
        file = self._stack.enter_context(path.open("wb"))
        self._file: BinaryIO = file
        if compress:
            # No name and no time inside: the same rows give the same bytes.
            self._file = cast(
                BinaryIO,
                self._stack.enter_context(
                    gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
                ),
            )
        self._rows = rows
        self._seen = 0
        self._said = time.monotonic()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._seen += data.count(b"\n")
        if time.monotonic() - self._said > PROGRESS_S:
            self._said = time.monotonic()
            logger.info("exported %s of %s rows", f"{self._seen:,}", f"{self._rows:,}")
        return self._file.write(data)

    def close(self) -> None:
        self._stack.close()
        super().close()
