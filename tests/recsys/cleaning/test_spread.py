"""Spark's workers and one process make the same of the same files, whatever is wrong in them."""

import random
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from recsys.cleaning.cleaner import Cleaner, Done, clean_here, count_written
from recsys.cleaning.fields import Limits
from recsys.cleaning.pieces import cut_file
from recsys.cleaning.spread import clean_by_workers

HEADER = "t_dat,customer_id,article_id,price,sales_channel_id"
CUSTOMERS = [f"{n:064x}" for n in range(40)]
ARTICLES = [f"{n:010d}" for n in range(30)]
LIMITS = Limits(today=date(2020, 9, 23), max_price=10.0)
SPOILED = [
    b"\xe9,b,c,d,e", "a,\ufffd,c,d,e".encode(), b'"2020-09-21","a",', b"2020-09-31,a,b,c,d",
    b",,,,", b'"', b"   ", b"", b"2999-01-01,a,b,1,1", b"2020-09-21,a,b,1,1\x00", b"x" * 5000,
]  # fmt: skip


def make_lines(seed: int) -> list[bytes]:
    """Make rows of five days in no order, many of them twice, some quoted, some spoiled."""
    rng = random.Random(seed)
    lines = []
    for _ in range(1500):
        day, customer = rng.randrange(17, 22), rng.choice([*CUSTOMERS, "f" * 64])
        price, article = rng.choice(["0.05", "5e-2", "0", "-0"]), rng.choice(ARTICLES)
        fields = [f"2020-09-{day}", customer, article, price, rng.choice("12")]
        quote = rng.choice(["", "", '"'])
        line = ",".join(f"{quote}{field}{quote}" for field in fields).encode()
        lines += [line] * rng.choice([1, 1, 2]) + rng.choices(SPOILED, k=rng.random() < 0.1)
    return lines


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """Files of the catalogue, and two raw files whose lines end in three ways."""
    tables = {
        "articles": {"article_id": ARTICLES, "article_key": range(2, 2 + len(ARTICLES))},
        "customers": {"customer_id": CUSTOMERS, "customer_key": range(2, 2 + len(CUSTOMERS))},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table({n: list(v) for n, v in columns.items()}), tmp_path / name)
    rng = random.Random(1)
    for seed, name in enumerate(("one.csv", "two.csv")):
        ends = [rng.choice([b"\n", b"\r\n", b"\r"]) for _ in range(9999)]
        lines = [HEADER.encode(), *make_lines(seed)]
        text = b"".join(line + end for line, end in zip(lines, ends, strict=False))
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text)
    return {name: (str(tmp_path / name),) for name in tables}


def make_cleaner(folder: Path, out: str, inputs: dict[str, tuple[str, ...]]) -> Cleaner:
    pieces = []
    for name, day in (("one.csv", None), ("two.csv", date(2020, 9, 21))):
        pieces += cut_file(str(folder / name), file=name, day=day, piece_bytes=20_000)
    assert len(pieces) > 10
    kept, aside = str(folder / out / "kept"), str(folder / out / "aside")
    # Who is known is looked up by a table of all in one case, and by looking at all in the other.
    is_small = out == "here"
    return Cleaner(
        tuple(pieces), **inputs, limits=LIMITS, kept=kept, aside=aside, is_small=is_small
    )


def written(folder: Path) -> dict[str, bytes]:
    """Return name -> contents of the files below a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.spark
@pytest.mark.parametrize("tasks", [1, 3])
def test_workers_write_what_one_process_writes(
    spark: SparkSession, tmp_path: Path, inputs: dict[str, tuple[str, ...]], tasks: int
) -> None:
    here = clean_here(make_cleaner(tmp_path, "here", inputs))
    spread = clean_by_workers(spark, make_cleaner(tmp_path, "spread", inputs), tasks=tasks)
    assert spread == here
    found = written(tmp_path / "spread")
    assert found == written(tmp_path / "here")
    assert {name for name in found if name.startswith("kept")} == {
        f"kept/day=2020-09-{day}/part-00000.parquet" for day in range(17, 22)
    }


def test_every_line_is_kept_or_set_aside(
    tmp_path: Path, inputs: dict[str, tuple[str, ...]]
) -> None:
    done = clean_here(make_cleaner(tmp_path, "here", inputs))
    lines = [line for seed in (0, 1) for line in make_lines(seed) if line.strip(b" ")]
    days = count_written(str(tmp_path / "here" / "kept"), done.digests)
    tables = [pq.read_table(file) for file in (tmp_path / "here" / "aside").iterdir()]
    rejected = pa.concat_tables(tables)
    assert sum(done.read) == len(lines)
    assert sum(day.pieces for day in days.values()) == len(lines) - len(rejected)
    assert 0 < sum(day.rows for day in days.values()) < sum(day.pieces for day in days.values())
    assert set(rejected["reason"].to_pylist()) == {
        "not_utf8", "wrong_column_count", "bad_date", "date_in_future", "wrong_day",
        "bad_customer_id", "unknown_customer",
    }  # fmt: skip
    assert set(rejected["file"].to_pylist()) == {"one.csv", "two.csv"}


def test_a_task_that_runs_again_replaces_what_it_wrote(
    tmp_path: Path, inputs: dict[str, tuple[str, ...]]
) -> None:
    cleaner = make_cleaner(tmp_path, "here", inputs)
    done = clean_here(cleaner)
    before = written(tmp_path / "here")
    assert clean_here(cleaner) == Done(done.read, done.digests)
    assert written(tmp_path / "here") == before
