"""The checks that every table gets."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from recsys.checks.before import Before
from recsys.checks.profile import Keys, Profile, profile_table
from recsys.checks.result import Check
from recsys.checks.rules import (
    check_changes,
    check_columns,
    check_nulls,
    check_rows,
    check_share,
    check_values,
    types_of,
)
from recsys.config import Band, ChecksConfig
from recsys.errors import ConfigError
from recsys.paths import Partition
from recsys.schemas import (
    CLEANED_ARTICLES,
    CLEANED_CUSTOMERS,
    CLEANED_TRANSACTIONS,
    FEATURES_ARTICLES,
    FEATURES_CUSTOMERS,
)
from recsys.storage import Lake

CLEANED: dict[str, pa.Schema] = {
    "cleaned.articles": CLEANED_ARTICLES,
    "cleaned.customers": CLEANED_CUSTOMERS,
    "cleaned.transactions": CLEANED_TRANSACTIONS,
}
FEATURES: dict[str, pa.Schema] = {
    "features.articles": FEATURES_ARTICLES,
    "features.customers": FEATURES_CUSTOMERS,
}
TABLES = CLEANED | FEATURES


def require_known_columns(config: ChecksConfig) -> None:
    """Refuse limits of a column that no checked table has.

    Raises:
        ConfigError: naming each of them.
    """
    known = {f"{table}.{column}" for table, schema in TABLES.items() for column in schema.names}
    unknown = sorted({*config.null_share, *config.values} - known)
    if unknown:
        raise ConfigError(
            f"checks.null_share and checks.values must name columns of {', '.join(sorted(TABLES))}."
            f" Got {', '.join(unknown)}"
        )


def check_layout(lake: Lake, table: Partition, before: Before, config: ChecksConfig) -> list[Check]:
    """Return whether a table has the columns of its schema, and those of the check before."""
    name = table.dataset
    found, expected = types_of(lake.scan(table).schema), types_of(TABLES[name])
    columns = lake.require(table).columns
    return [
        check_columns(name, found, expected, config.unexpected_columns),
        check_changes(name, columns, before.columns(name), config.changed_columns),
    ]


def is_complete(lake: Lake, table: Partition) -> bool:
    """Return whether a table has every column of its schema: without, its rows say nothing."""
    return set(TABLES[table.dataset].names) <= set(lake.scan(table).schema.names)


def profile(
    lake: Lake,
    table: Partition,
    config: ChecksConfig,
    watchers: Sequence[Callable[[pa.RecordBatch], None]],
) -> Profile:
    """Return a table's profile, with the configured values of its columns."""
    return profile_table(
        table.dataset,
        lake.scan(table),
        values=bands_of(config, table.dataset),
        watchers=watchers,
    )


def bands_of(config: ChecksConfig, dataset: str) -> Mapping[str, Band]:
    """Return column -> the values that are right there, of one table."""
    named = {name.rpartition(".")[::2]: setting.values for name, setting in config.values.items()}
    return {column: band for (table, column), band in named.items() if table == dataset}


def check_columns_of(found: Profile, before: Before, config: ChecksConfig) -> list[Check]:
    """Return the checks of a table's nulls and values, column by column."""
    return [*check_nulls(found, before.null_shares, config), *check_values(found, config)]


def check_ids(found: Profile, keys: Keys, before: Before, config: ChecksConfig) -> list[Check]:
    """Return the checks of a table with one row an id: its size, and keys that occur twice."""
    name, repeated = found.dataset, keys.repeated
    return [
        check_rows(name, found.rows, before.rows(name), config.rows_share),
        check_share(
            name, "repeated_share", repeated, found.rows, config.repeated_share,
            of="rows repeat a key", column=keys.column,
        ),
    ]  # fmt: skip
