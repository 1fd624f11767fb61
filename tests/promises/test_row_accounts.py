"""Nothing is lost: each line of a broken file is in the table, in its quantities, or set aside."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pytest
from jobs import check_cleaned, clean_catalogue, clean_transactions
from pyspark.sql import SparkSession
from tests.promises.corrupt import FAULTS, corrupt_file, physical_rows
from tests.promises.worlds import World, simulate

from recsys.paths import Partition, checks_path

pytestmark = pytest.mark.spark

DUMP = "transactions_train.csv"
#: One replaces a day of the dump, one is a new day in two files.
DROPS = {"2020-09-07": ["a.csv"], "2020-09-23": ["a.csv", "b.csv"]}
RUN_DATE = "2020-09-24"
ROWS_A_FILE = 700
Account = dict[str, int]


@dataclass(frozen=True)
class Broken:
    """A cleaned world of broken files.

    read: source -> its physical rows, counted by line ends.
    whole: source -> the rows that were left as they were.
    """

    world: World
    read: dict[str, list[bytes]]
    whole: dict[str, list[bytes]]

    @property
    def accounts(self) -> dict[str, Account]:
        view = self.world.lake.require(Partition("cleaned.transactions", RUN_DATE))
        found: dict[str, Account] = view.notes["sources"]
        return found

    def rejected(self) -> list[dict[str, str]]:
        lake = self.world.lake
        keys = lake.keys("rejected.transactions")
        tables = [lake.read(Partition("rejected.transactions", key)) for key in keys]
        return [row for table in tables for row in table.to_pylist()]


def source_of(file: Path, data: Path) -> str:
    """Return the dump's name or the drop's folder."""
    return DUMP if file.name == DUMP else str(file.parent.relative_to(data))


def add_drops(data: Path) -> list[Path]:
    """Write drops of rows of the dump under another date; return all files of transactions."""
    header, *lines = (data / DUMP).read_text().splitlines()
    rng = random.Random(3)
    files = [data / DUMP]
    for day, names in DROPS.items():
        folder = data / "transactions" / f"t_dat={day}"
        folder.mkdir(parents=True)
        for name in names:
            rows = [f"{day},{line.partition(',')[2]}" for line in rng.sample(lines, ROWS_A_FILE)]
            (folder / name).write_text("\n".join([header, *rows, ""]))
            files.append(folder / name)
    return files


@pytest.fixture(scope="module")
def broken(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    world = simulate(tmp_path_factory.mktemp("accounts"))
    found = Broken(world, {}, {})
    for seed, file in enumerate(add_drops(world.data)):
        share = 0.01 if file.name == DUMP else len(FAULTS) / ROWS_A_FILE
        whole = corrupt_file(file, share=share, seed=seed)
        source = source_of(file, world.data)
        found.whole.setdefault(source, []).extend(whole)
        found.read.setdefault(source, []).extend(physical_rows(file))
    for job in (clean_catalogue, clean_transactions, check_cleaned):
        flags = ["--run-date", RUN_DATE, "--set", "cleaning.max_rejected_share=0.05"]
        world.run(job, *flags, "--set", "checks.daily_rows.share.breach.high=1000")
    return found


def test_every_physical_line_is_read_and_accounted_for(broken: Broken) -> None:
    accounts = broken.accounts
    assert {name: a["rows_read"] for name, a in accounts.items()} == {
        name: len(rows) for name, rows in broken.read.items()
    }
    for name, account in accounts.items():
        parts = [account[f"rows_{part}"] for part in ("kept", "rejected", "replaced")]
        assert account["rows_read"] == sum(parts), name
        assert account["rows_collapsed"] > 0, name
        assert account["rows_rejected"] > 0, name
    assert [accounts[name]["rows_replaced"] > 0 for name in accounts] == [True, False, False]


def test_kept_rows_are_in_the_table(broken: Broken) -> None:
    table = broken.world.lake.read(Partition("cleaned.transactions", RUN_DATE))
    by_source: dict[str, Account] = {}
    for day, pieces in zip(table["t_dat"].to_pylist(), table["quantity"].to_pylist(), strict=True):
        source = f"transactions/t_dat={day}" if str(day) in DROPS else DUMP
        rows = by_source.setdefault(source, {"kept": 0, "collapsed": 0})
        rows["kept"] += pieces
        rows["collapsed"] += pieces - 1
    assert by_source == {
        name: {"kept": account["rows_kept"], "collapsed": account["rows_collapsed"]}
        for name, account in broken.accounts.items()
    }
    assert pc.min(table["quantity"]).as_py() == 1


def test_each_rejected_line_is_set_aside_once_and_no_good_line_is(broken: Broken) -> None:
    rejected = broken.rejected()
    by_source = Counter(row["file"] if row["file"] == DUMP else str(Path(row["file"]).parent)
                        for row in rejected)  # fmt: skip
    accounts = broken.accounts
    assert by_source == {name: account["rows_rejected"] for name, account in accounts.items()}
    by_reason = Counter(f"rejected.{row['reason']}" for row in rejected)
    noted = Counter[str]()
    for account in accounts.values():
        noted.update({k: n for k, n in account.items() if k.startswith("rejected.")})
    assert by_reason == noted
    broken_lines = Counter[str]()
    for name, rows in broken.read.items():
        broken_lines.update(map(readable, rows))
        broken_lines.subtract(map(readable, broken.whole[name]))
    assert Counter(readable(row["line"].encode()) for row in rejected) <= +broken_lines


def readable(line: bytes) -> str:
    """Return a line as text; libraries differ in how many marks stand for lost bytes."""
    return re.sub("\ufffd+", "\ufffd", line.decode(errors="replace"))


def test_the_faults_are_of_many_kinds(broken: Broken) -> None:
    assert len(FAULTS) == 15
    assert {row["reason"] for row in broken.rejected()} >= {
        "not_utf8", "wrong_column_count", "bad_date", "date_in_future", "bad_customer_id",
        "bad_article_id", "bad_price",
    }  # fmt: skip


def test_the_check_finds_no_row_missing_and_its_page_shows_each_file(broken: Broken) -> None:
    lake = broken.world.lake
    checks = lake.read(Partition("checks.cleaned", RUN_DATE)).to_pylist()
    lost = [row for row in checks if row["check"] == "lost_rows"]
    messages = [row["message"] for row in lost if row["dataset"] == "cleaned.transactions"]
    assert {row["value"] for row in lost} == {0}
    assert len(messages) == 4  # all of them, the dump, two drops
    page = lake.fs.cat_file(f"{lake.root}/{checks_path(RUN_DATE, 'cleaned')}").decode()
    for name, account in broken.accounts.items():
        read, rejected = account["rows_read"], account["rows_rejected"]
        shown = account["rows_kept"] - account["rows_collapsed"]
        assert any(f"{read} rows in {name}, {shown} kept" in message for message in messages)
        row = re.search(rf"<td>{re.escape(name)}</td>(.*?)</tr>", page, re.DOTALL)
        assert row is not None
        cells = [int(n.replace(",", "")) for n in re.findall(r"<td[^>]*>([\d,]+)</td>", row[1])]
        collapsed, replaced = account["rows_collapsed"], account["rows_replaced"]
        assert cells == [read, shown, collapsed, rejected, replaced, 0]
