"""How fast a night's recommendations reach Postgres, and what its readers notice.

Usage: python -m benchmarks.bench_publish [--share 1] [--work FOLDER]

Made up are 1,371,980 customers with 12 recommendations each, 105,542 articles, and the 31.8 million
purchases that the audit holds against the lists (see `publish.world`). A Postgres of the project's
own stack, with its settings, is started for it; memory is taken as jobs take it. Writes
`results/publish.json`:

- `ratio_to_copy`: `publish()`, from connecting until readers see the run, by a plain binary COPY of
  the same lists, encoded beforehand, and their unique index: in turn, five times, medians.
  `ratio_to_copy_with_drop`: the same until the oldest run is dropped too.
- `switch_ms`: the transaction that shows the new run, the longest of three publications with two
  busy readers and a reader's transaction open all the time; `worst_reader_ms`: the longest that one
  of these readers waited for one customer's list, `worst_reader_idle_ms` without a publisher.
- `lookup_ratio`: one customer's list from the view, by a lookup of the table's row by its key, by
  pgbench: a prepared statement for 500 customers, in turn, five times, medians, with as many runs
  as are kept; `lookup_ratio_without_reasons`: the same but for the column `reason`, for which
  articles' names are looked up.
- `size_ratio`: what the database has grown by after 20 publications of a tenth of the lists, by the
  size of the tables of the runs that are kept.
- `peak_gib`: the publisher and all Postgres processes of the machine.
- `layouts`: arrays, a row a customer, beside a row a rank: COPY, index, bytes, lookup by the view.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from benchmarks.measure import GIB, write_result
from benchmarks.publish import bare
from benchmarks.publish.reader import LOOKUP, reading
from benchmarks.publish.world import Size, make_lake, make_run
from recsys.config import PublishConfig
from recsys.memory import keep_freed_memory
from recsys.serving.migrate import migrate
from recsys.serving.publish import Outcome, publish
from recsys.serving.snapshot import Snapshot
from recsys.storage import Lake
from stack.postgres import Postgres

#: Publications beside readers.
ROUNDS = 3
#: Of what differs from minute to minute: publication and bare copy, and lookups.
COMPARED = 5
CHURN = 20


class Bench:
    """A lake, a server, and what was measured with them."""

    def __init__(self, folder: Path, url: str, size: Size) -> None:
        self.folder, self.url, self.size = folder, url, size
        self.published = 0
        self.snapshot = _lake(folder / "lake", size)

    def publish(self) -> tuple[float, Outcome]:
        """Publish the lake as a run of its own; return the seconds until all is done."""
        self.published += 1
        fresh = Snapshot(self.snapshot.lake, str(self.snapshot.run_date))
        run = make_run(fresh, self.size, f"{self.folder.name} {self.published}")
        started = time.monotonic()
        outcome = publish(self.url, fresh, run, PublishConfig())
        return round(time.monotonic() - started, 2), outcome

    def compare(self) -> dict[str, Any]:
        """Publish and copy in turn, after one publication that does not count."""
        bare.write_streams(self.snapshot, make_run(self.snapshot, self.size, ""), self.folder)
        self.publish()
        copies: list[dict[str, Any]] = []
        published: list[tuple[float, Outcome]] = []
        with bare.connected(self.url) as connection, _PeakMemory() as peak:
            for _ in range(COMPARED):
                copies.append(bare.load_arrays(connection, self.folder))
                published.append(self.publish())
        copy_s = statistics.median(copy["copy_s"] + copy["index_s"] for copy in copies)
        visible = [outcome.seconds for _, outcome in published]
        done = [seconds for seconds, _ in published]
        return {
            "ratio_to_copy": round(statistics.median(visible) / copy_s, 2),
            "ratio_to_copy_with_drop": round(statistics.median(done) / copy_s, 2),
            "peak_gib": round(peak.bytes / GIB, 2),
            "visible_s": visible, "publish_s": done, "bare_copy": copies,
        }  # fmt: skip

    def disturb(self) -> dict[str, Any]:
        """Publish beside two busy readers and a reader's transaction that stays open."""
        ids = bare.some_customers(self.url, "recs.customers")
        with reading(self.url, ids, k=self.size.k) as idle:
            time.sleep(10)
        switches = []
        with psycopg2.connect(self.url) as long_reader, long_reader.cursor() as cursor:
            cursor.execute(LOOKUP, (ids[0],))
            with reading(self.url, ids, k=self.size.k) as busy:
                switches = [self.publish()[1].switch_ms or 0.0 for _ in range(ROUNDS)]
        long_reader.close()
        return {
            "switch_ms": max(switches),
            "worst_reader_ms": max(reader["worst_ms"] for reader in busy),
            "worst_reader_idle_ms": max(reader["worst_ms"] for reader in idle),
            "switches_ms": switches, "readers": busy, "readers_idle": idle,
        }  # fmt: skip

    def look_up(self) -> dict[str, Any]:
        """Ask for one customer at a time: the table, the view, and the view over a row a rank."""
        with bare.connected(self.url) as connection, connection.cursor() as cursor:
            layouts = {
                "arrays": bare.load_arrays(connection, self.folder),
                "ranks": bare.load_ranks(connection, self.folder),
            }
            cursor.execute("CHECKPOINT")  # nothing is left to be written beside the lookups
        where, ids = "WHERE customer_id = :id", bare.some_customers(self.url, "recs.customers")
        plain = "customer_id, rank, article_id, score, run_date, model_version"
        queries = {
            "table": f"SELECT * FROM bench.arrays {where}",
            "arrays": f"SELECT * FROM recs.recommendations {where}",
            "arrays_without_reasons": f"SELECT {plain} FROM recs.recommendations {where}",
            "ranks": f"SELECT * FROM bench.recommendations {where}",
        }
        rounds = [
            {n: bare.lookup_us(self.url, q, ids, self.folder) for n, q in queries.items()}
            for _ in range(COMPARED)
        ]
        median = {name: statistics.median(found[name] for found in rounds) for name in queries}
        for name, layout in layouts.items():
            layout["lookup_us"] = median[name]
        ratios = {
            f"lookup_ratio{suffix}": round(median[f"arrays{suffix}"] / median["table"], 2)
            for suffix in ("", "_without_reasons")
        }
        return {**ratios, "lookup_us": median, "layouts": layouts}

    def churn(self) -> dict[str, Any]:
        """Publish many times, and compare what the database grew by with the runs that are kept."""
        with bare.connected(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            (before,) = cursor.fetchone() or (0,)
            seconds = [self.publish()[0] for _ in range(CHURN)]
            cursor.execute(
                "SELECT pg_database_size(current_database()),"
                " sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'recs_data'::regnamespace AND relname ~ '_[0-9]+$'"
            )
            after, kept = cursor.fetchone() or (0, 0)
        ratio = round((after - before) / kept, 2)
        return {"size_ratio": ratio, "grown_bytes": after - before, "kept_bytes": kept,
                "publish_s": [seconds[0], seconds[-1]]}  # fmt: skip


class _PeakMemory(threading.Thread):
    """Keeps the most memory (PSS) that this process and the server had together, in the block."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self._stop_asked = 0, threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(0.25):
            named = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "postgres"]
            total = 0
            for process in [psutil.Process(), *named]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.bytes = max(self.bytes, total)

    def __enter__(self) -> "_PeakMemory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()


def _lake(folder: Path, size: Size) -> Snapshot:
    """Return the lake of a folder, made where it is missing."""
    done = folder.with_suffix(".json")
    if done.exists() and json.loads(done.read_text()) == vars(size):
        return Snapshot(Lake(str(folder)), "2020-09-23")
    snapshot = make_lake(folder, size)
    done.write_text(json.dumps(vars(size)))
    return snapshot


def _size(share: float) -> Size:
    whole = Size()
    return Size(customers=int(whole.customers * share), purchases=int(whole.purchases * share))


def main(argv: list[str] | None = None) -> int:
    """Measure all, print and write it."""
    parser = argparse.ArgumentParser(
        prog="bench_publish", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--share", type=float, default=1.0, help="of H&M's customers and purchases")
    parser.add_argument("--work", type=Path, help="folder to keep (default: temporary)")
    args = parser.parse_args(argv)
    keep_freed_memory()
    size, result = _size(args.share), {}
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Postgres(work / "postgres")
        url = server.start()
        stack.callback(server.stop)
        for name, share in (("whole", args.share), ("tenth", args.share / 10)):
            (work / name).mkdir(parents=True, exist_ok=True)
            with bare.connected(url) as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                cursor.execute(f"CREATE DATABASE {name}")
            migrate(server.url(name))
            bench = Bench(work / name, server.url(name), _size(share))
            # Lookups come first: the long reader of `disturb` keeps runs that are else dropped.
            parts = (
                [bench.compare, bench.look_up, bench.disturb] if name == "whole" else [bench.churn]
            )
            for part in parts:
                result |= (found := {part.__name__: part()})
                sys.stdout.write(json.dumps(found) + "\n")
                sys.stdout.flush()
    headline = {
        key: value for part in result.values() for key, value in part.items()
        if isinstance(value, float)
    }  # fmt: skip
    sys.stdout.write(json.dumps(headline, indent=2) + "\n")
    command = f"python -m benchmarks.bench_publish --share {args.share:g}"
    write_result("publish", {**headline, "size": vars(size), **result}, command=command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
