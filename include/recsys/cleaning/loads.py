"""Loads: what was cleaned of each raw source, once; and the view of them that readers name.

A load holds the rows of the full dump, or of the daily drops that were new on one night, in a
folder a day. `cleaned.transactions` of a run date is a view: for each day, the folder of that day's
drop where there is one, else the dump's.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recsys.cleaning.sources import Source
from recsys.digest import sha256_of_json
from recsys.manifest import Manifest, Part
from recsys.paths import Partition
from recsys.storage import Lake

LOADS = "cleaned.loads"


@dataclass(frozen=True)
class Account:
    """Where the rows of one source went: read = kept + rejected; kept = rows + collapsed."""

    sha256: str
    read: int
    kept: int
    rejected: dict[str, int]

    @classmethod
    def of(cls, manifest: Manifest, source: Source) -> "Account | None":
        """Return a load's account of a source, None where it holds none, or one of other files."""
        found = manifest.notes["sources"].get(source.name)
        return cls(**found) if found and found["sha256"] == source.sha256 else None


@dataclass(frozen=True)
class Loads:
    """The loads of a lake that were made as they would be made now.

    An unknown id is known one day. A load that set rows aside for that is current only with the
    catalogue that it was made with; any other stays, whatever ids come.

    Args:
        lake: where they are.
        recipe: fingerprint of the code and the settings.
        catalogue: fingerprint of the known articles and customers.
    """

    lake: Lake
    recipe: str
    catalogue: str

    def find(self, sources: Sequence[Source]) -> dict[str, Manifest]:
        """Return source name -> the load that holds it, of those sources that need no cleaning."""
        known = [self.lake.require(Partition(LOADS, key)) for key in self.lake.keys(LOADS)]
        current = [load for load in known if self._is_current(load)]
        return {s.name: load for s in sources for load in current if Account.of(load, s)}

    def partition(self, sources: Sequence[Source]) -> Partition:
        """Return the partition for a load of these sources; its key says what it is made of."""
        contents = [[source.name, source.sha256] for source in sources]
        digest = sha256_of_json([contents, self.recipe, self.catalogue])[:12]
        return Partition(LOADS, f"{'dump' if sources[0].day is None else 'drops'}-{digest}")

    def notes(self, accounts: Mapping[str, Account], days: Mapping[Any, Any]) -> dict[str, Any]:
        """Return what a load's manifest must say besides its rows."""
        return {
            "recipe": self.recipe,
            "catalogue": self.catalogue,
            "sources": {name: asdict(account) for name, account in accounts.items()},
            "days": {str(day): asdict(written) for day, written in sorted(days.items())},
        }

    def _is_current(self, load: Manifest) -> bool:
        accounts = [Account(**found) for found in load.notes["sources"].values()]
        waits = any(r.startswith("unknown_") for account in accounts for r in account.rejected)
        made_with = (load.notes["recipe"], load.notes["catalogue"] if waits else self.catalogue)
        return made_with == (self.recipe, self.catalogue)


def choose_parts(
    sources: Sequence[Source], loads: Mapping[str, Manifest]
) -> tuple[list[Part], dict[str, dict[str, int]]]:
    """Return the day folders that a view shows, and source name -> where its rows went.

    Of each source: `rows_read`, `rows_kept` (raw rows that a shown row stands for),
    `rows_collapsed` (of them, those that another row's quantity counts), `rows_rejected` with
    `rejected.<reason>`, and `rows_replaced` (rows of the dump on days that have a drop). They add
    up: read = kept + rejected + replaced.

    Args:
        sources: the dump and the drops.
        loads: source name -> its load, for each source.
    """
    drops = {str(source.day) for source in sources if source.day}
    parts: list[Part] = []
    accounts = {}
    for source in sources:
        load = loads[source.name]
        account = Account.of(load, source)
        assert account is not None
        days: dict[str, dict[str, Any]] = load.notes["days"]
        own = {d: w for d, w in days.items() if source.day is None or d == str(source.day)}
        shown = {d: w for d, w in own.items() if source.day is not None or d not in drops}
        parts += [_part(load, day, written) for day, written in shown.items()]
        kept = sum(written["pieces"] for written in shown.values())
        accounts[source.name] = {
            "rows_read": account.read,
            "rows_kept": kept,
            "rows_collapsed": kept - sum(written["rows"] for written in shown.values()),
            "rows_rejected": sum(account.rejected.values()),
            "rows_replaced": account.kept - kept,
            **{f"rejected.{reason}": rows for reason, rows in account.rejected.items()},
        }
    return parts, accounts


def add_up(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of named counts over all sources."""
    total: Counter[str] = Counter()
    for one in counts.values():
        total.update(one)
    return dict(total)


def _part(load: Manifest, day: str, written: dict[str, Any]) -> Part:
    return Part(
        key=day,
        dataset=LOADS,
        partition=load.key,
        folder=f"day={day}",
        rows=written["rows"],
        fingerprint=sha256_of_json(written),
    )


def remove_unused(lake: Lake) -> list[str]:
    """Delete the loads that no view shows any more, with their rejected rows; return their keys."""
    views = [lake.require(Partition("cleaned.transactions", key)) for key in
             lake.keys("cleaned.transactions")]  # fmt: skip
    used = {part.partition for view in views for part in view.parts}
    unused = []
    for dataset in (LOADS, "rejected.transactions"):
        for key in lake.keys(dataset):
            if key not in used:
                lake.remove(Partition(dataset, key))
                unused.append(key)
    return sorted(set(unused))
