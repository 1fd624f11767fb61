"""Readers never see half of a run, or two at once, through publications and rollbacks."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tests.promises.publishing import SIZE, Shop, connected, make_lakes, make_shop, publish_to

from recsys.columns import Columns as C
from recsys.serving.snapshot import Snapshot
from stack.postgres import Postgres

pytestmark = pytest.mark.postgres

PUBLICATIONS, ROLLBACKS = 20, 5
#: A row that a reader gets: rank, article, score; and by join its name and its price.
Row = tuple[int, str, float, str, float]
ONE = """SELECT r.rank, r.article_id, r.score, a.prod_name, a.mean_price, r.model_version
FROM recs.recommendations AS r JOIN recs.articles AS a USING (article_id)
WHERE r.customer_id = %s ORDER BY r.rank"""
ALL = """SELECT count(*), count(DISTINCT customer_id), min(rank), max(rank), min(model_version),
    max(model_version), min(left(prod_name, 1)), max(left(prod_name, 1)),
    (SELECT string_agg(model_version, '') FROM recs.freshness)
FROM recs.recommendations JOIN recs.articles USING (article_id)"""


def lists_of(snapshot: Snapshot, customers: int) -> dict[str, list[Row]]:
    """Return what the lake says of the first customers, by their ids."""
    first = snapshot.customers.slice(0, customers)
    ids = dict(
        zip(*(first.column(n).to_pylist() for n in (C.CUSTOMER_KEY, C.CUSTOMER_ID)), strict=True)
    )
    named = {row[C.ARTICLE_KEY]: row for row in snapshot.articles.to_pylist()}
    lists: dict[str, list[Row]] = defaultdict(list)
    for row in snapshot.lists.head(customers * SIZE.k).to_pylist():
        article = named[row[C.ARTICLE_KEY]]
        score, price = _single(row[C.SCORE]), _single(article["mean_price"])
        found = (row[C.RANK], article[C.ARTICLE_ID], score, article["prod_name"], price)
        lists[ids[row[C.CUSTOMER_KEY]]].append(found)
    return dict(lists)


def _single(number: float) -> float:
    """Return a number as Postgres writes a `real`: by the fewest digits that tell it apart."""
    return float(str(np.float32(number)))


@dataclass
class Readers:
    """What they must find, by run and customer, and what they found otherwise."""

    shop: Shop
    expected: dict[str, dict[str, list[Row]]]
    answers: int = 0
    runs: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def read_lists(self) -> None:
        """Ask for one customer after the other; a run has the name of its lake, and a number."""
        with connected(self.shop.url) as connection, connection.cursor() as cursor:
            while not self.stop.is_set():
                for customer in self.expected["1"]:
                    cursor.execute(ONE, (customer,))
                    rows = cursor.fetchall()
                    self.answers += 1
                    versions = {row[-1] for row in rows}
                    wanted = [self.expected[name[0]][customer] for name in versions]
                    if [[row[:-1] for row in rows]] != wanted:
                        self.faults.append(f"{customer}: {rows}")
                    self.runs |= versions

    def read_all(self) -> None:
        """Count everything."""
        with connected(self.shop.url) as connection, connection.cursor() as cursor:
            while not self.stop.is_set():
                cursor.execute(ALL)
                (found,) = cursor.fetchall()
                self.answers += 1
                version = str(found[4])
                whole = (SIZE.customers * SIZE.k, SIZE.customers, 1, SIZE.k)
                if found != (*whole, version, version, version[0], version[0], version):
                    self.faults.append(f"all lists: {found}")
                self.runs.add(version)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Read beside the block."""
        threads = [threading.Thread(target=call) for call in (self.read_lists, self.read_all)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()


def test_every_answer_is_whole_and_of_one_run(postgres: Postgres, tmp_path: Path) -> None:
    lakes = make_lakes(tmp_path)
    shop = make_shop(postgres, lakes)
    readers = Readers(shop, {name: lists_of(lake, 20) for name, lake in lakes.items()})
    names = ["1"]
    with readers.at_work():
        for number in range(PUBLICATIONS):
            names.append(f"{2 - number % 2}.{number}")
            publish_to(shop.url, lakes[names[-1][0]], names[-1])
            if number % (PUBLICATIONS // ROLLBACKS) == 2:
                shop.ask("SELECT recs.rollback()")
    assert readers.faults == []
    assert readers.answers > 500
    assert readers.runs <= set(names)
    assert len(readers.runs) > PUBLICATIONS // 2
