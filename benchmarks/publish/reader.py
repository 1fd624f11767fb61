"""A reader that never stops asking for one customer's list, as a process of its own.

Usage: python -m benchmarks.publish.reader URL K < ids, a line each

Reads the ids up to an empty line, asks for them in turn until standard input ends, and writes as
JSON how many answers there were, how many of them were not K rows, and the median and worst
milliseconds.
"""

import json
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import psycopg2

from benchmarks.measure import REPOSITORY

LOOKUP = "SELECT * FROM recs.recommendations WHERE customer_id = %s"


@contextmanager
def reading(url: str, ids: Sequence[str], *, k: int, readers: int = 2) -> Iterator[list[Any]]:
    """Let some readers ask beside the block; what they found is in the list after it."""
    command = [sys.executable, "-m", "benchmarks.publish.reader", url, str(k)]
    processes = [
        subprocess.Popen(
            command, cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(readers)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n".join(ids) + "\n\n")
        process.stdin.flush()
    found: list[Any] = []
    try:
        time.sleep(2)  # until they read
        yield found
    finally:
        found += [json.loads(process.communicate()[0]) for process in processes]


def main() -> None:
    """Read until standard input ends."""
    url, k = sys.argv[1], int(sys.argv[2])
    ids = list(iter(lambda: sys.stdin.readline().strip(), ""))
    connection = psycopg2.connect(url)
    connection.autocommit = True
    seconds, broken = [], 0
    with connection.cursor() as cursor:
        for customer in cycle(ids):
            started = time.monotonic()
            cursor.execute(LOOKUP, (customer,))
            broken += len(cursor.fetchall()) != k
            seconds.append(time.monotonic() - started)
            if len(seconds) % 100 == 0 and select.select([sys.stdin], [], [], 0)[0]:
                break
    # The first answers come with an empty cache of the session.
    worst, median = max(seconds[10:]), statistics.median(seconds)
    found = {"answers": len(seconds), "broken": broken}
    found |= {"median_ms": round(median * 1000, 3), "worst_ms": round(worst * 1000, 1)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
