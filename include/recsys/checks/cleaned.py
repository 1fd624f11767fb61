"""What is checked of the cleaned tables, before features and examples are made of them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace

import fsspec

from recsys.checks.before import Before
from recsys.checks.profile import Days, Keys, Orphans
from recsys.checks.result import Check
from recsys.checks.rules import (
    Account,
    check_account,
    check_age,
    check_columns,
    check_days,
    check_rejected,
    check_share,
)
from recsys.checks.tables import (
    CLEANED,
    check_columns_of,
    check_ids,
    check_layout,
    is_complete,
    profile,
)
from recsys.cleaning.raw import LAYOUT
from recsys.columns import Columns as C
from recsys.job import Job
from recsys.paths import ARTICLES_CSV, CUSTOMERS_CSV, TRANSACTIONS_CSV
from recsys.store import open_store

TRANSACTIONS = "cleaned.transactions"
#: The tables with one row an id, and its key.
IDS = {"cleaned.articles": C.ARTICLE_KEY, "cleaned.customers": C.CUSTOMER_KEY}
FILES = {
    "cleaned.articles": ARTICLES_CSV,
    "cleaned.customers": CUSTOMERS_CSV,
    TRANSACTIONS: TRANSACTIONS_CSV,
}


@dataclass(frozen=True)
class CleanedChecks:
    """The checks, and what their page shows besides."""

    checks: list[Check]
    accounts: list[Account]
    days: Days


def read_headers(data: str) -> dict[str, list[str]]:
    """Return the column names of each raw file that is there; a missing one is the cleaning's."""
    fs, root = open_store(data)
    paths = {name: f"{root.rstrip('/')}/{name}" for name in LAYOUT}
    return {name: _read_header(fs, path) for name, path in paths.items() if fs.isfile(path)}


def _read_header(fs: fsspec.AbstractFileSystem, path: str) -> list[str]:
    with fs.open(path, "rb") as file:
        first = file.readline().decode("utf-8-sig", errors="replace")
    return next(csv.reader([first.strip("\r\n")]), [])


def check_cleaned(job: Job, before: Before, headers: Mapping[str, list[str]]) -> CleanedChecks:
    """Return every check of the run date's cleaned tables and of the raw files behind them."""
    config = job.config.checks
    found = CleanedChecks([], [], Days())
    found.checks.extend(_check_header(job, name, names) for name, names in headers.items())
    for name in CLEANED:
        found.checks.extend(check_layout(job.lake, job.partition(name), before, config))
    # A table without one of its columns says nothing more, nor can others be held against it.
    if all(is_complete(job.lake, job.partition(name)) for name in CLEANED):
        keys = {name: _check_ids(job, name, before, found) for name in IDS}
        _check_transactions(job, keys, before, found)
        found.checks.extend(check_account(a, config.lost_rows) for a in found.accounts)
        found.checks.extend(check_rejected(a, config.rejected_share) for a in found.accounts)
    return found


def _check_ids(job: Job, name: str, before: Before, found: CleanedChecks) -> Keys:
    """Add the checks of a table with one row an id, and return its keys."""
    config, keys = job.config.checks, Keys(IDS[name])
    table = profile(job.lake, job.partition(name), config, [keys])
    found.checks.extend(check_ids(table, keys, before, config))
    found.checks.extend(check_columns_of(table, before, config))
    found.accounts.append(_account(job, name, table.rows))
    return keys


def _check_transactions(
    job: Job, keys: Mapping[str, Keys], before: Before, found: CleanedChecks
) -> None:
    """Add the checks of the transactions: their columns, keys and days."""
    config, days = job.config.checks, found.days
    orphans = {name: Orphans(known.column, known) for name, known in keys.items()}
    table = profile(job.lake, job.partition(TRANSACTIONS), config, [*orphans.values(), days])
    found.checks.extend(check_columns_of(table, before, config))
    found.checks.extend(
        check_share(
            TRANSACTIONS, "orphan_share", watcher.rows, table.rows, config.orphan_share,
            of=f"rows have a key that is not in {name}", column=watcher.column,
        )
        for name, watcher in orphans.items()
    )  # fmt: skip
    found.checks.append(check_age(TRANSACTIONS, days, config.age_days, until=job.run_date))
    found.checks.extend(check_days(TRANSACTIONS, days, config.daily_rows, until=job.run_date))
    total = _account(job, TRANSACTIONS, table.rows)
    by_source = _accounts_by_source(job)
    found.accounts.append(replace(total, file="all of them") if by_source else total)
    found.accounts.extend(by_source)


def _check_header(job: Job, file: str, names: list[str]) -> Check:
    found, expected = (dict.fromkeys(columns, "text") for columns in (names, LAYOUT[file]))
    return check_columns(file, found, expected, job.config.checks.unexpected_columns)


def _account(job: Job, dataset: str, kept: int) -> Account:
    counts = job.lake.require(job.partition(dataset)).counts
    return _account_of(FILES[dataset], dataset, counts, kept=kept)


def _accounts_by_source(job: Job) -> list[Account]:
    """Return an account of each raw source of the transactions, where there are several."""
    notes = job.lake.require(job.partition(TRANSACTIONS)).notes
    sources: dict[str, dict[str, int]] = notes.get("sources", {})
    if len(sources) < 2:
        return []
    return [
        _account_of(name, TRANSACTIONS, c, kept=c["rows_kept"] - c["rows_collapsed"])
        for name, c in sources.items()
    ]


def _account_of(file: str, dataset: str, counts: Mapping[str, int], *, kept: int) -> Account:
    return Account(
        file,
        dataset,
        read=counts.get("rows_read", 0),
        kept=kept,
        collapsed=counts.get("rows_collapsed", 0),
        rejected=counts.get("rows_rejected", 0),
        replaced=counts.get("rows_replaced", 0),
    )
