"""The check before: what tonight's tables are compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from recsys.checks.result import Check, Histogram, Status, from_table
from recsys.manifest import Manifest
from recsys.paths import Partition
from recsys.storage import Lake


@dataclass(frozen=True)
class Before:
    """The results of an earlier run date, and the manifests of its tables."""

    checks: tuple[Check, ...] = ()
    manifests: Mapping[str, Manifest] | None = None

    def rows(self, dataset: str) -> int | None:
        """Return the rows that a table had, None where there is nothing to compare with."""
        manifest = (self.manifests or {}).get(dataset)
        return None if manifest is None else manifest.rows

    def columns(self, dataset: str) -> dict[str, str] | None:
        """Return column name -> type as the table's manifest has them, None where it has none."""
        manifest = (self.manifests or {}).get(dataset)
        return None if manifest is None else manifest.columns or None

    @property
    def null_shares(self) -> dict[tuple[str, str], float]:
        """The share of null by data set and column."""
        return {
            (check.dataset, check.column): check.value
            for check in self.checks
            if check.check == "null_share" and check.column and check.value is not None
        }

    @property
    def histograms(self) -> dict[tuple[str, str], Histogram]:
        """The histograms by data set and column."""
        return {
            (check.dataset, check.column): check.histogram
            for check in self.checks
            if check.column and check.histogram is not None
        }


def find_before(lake: Lake, results: str, *, run_date: date) -> Partition | None:
    """Return the latest earlier partition of results without a breach.

    What was in breach is no measure: were it one, the same fault would pass on the second night.
    """
    earlier = [key for key in lake.keys(results) if key < run_date.isoformat()]
    for key in sorted(earlier, reverse=True):
        partition = Partition(results, key)
        manifest = lake.manifest(partition)
        if manifest is not None and manifest.counts.get(Status.BREACH) == 0:
            return partition
    return None


def load_before(lake: Lake, partition: Partition | None, tables: tuple[str, ...]) -> Before:
    """Return the results of a partition and what the manifests of its run date's tables say."""
    if partition is None:
        return Before()
    found = {name: lake.manifest(Partition(name, partition.key)) for name in tables}
    manifests = {name: manifest for name, manifest in found.items() if manifest is not None}
    return Before(tuple(from_table(lake.read(partition))), manifests)
