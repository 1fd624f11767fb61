"""What is said of a committed partition: its manifest, and of a view, its parts."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from recsys.digest import sha256_of_json


class Part(BaseModel):
    """A folder of another partition that a view shows, such as one day of a load."""

    model_config = ConfigDict(frozen=True)

    #: What it holds, such as a day; views are read up to a key.
    key: str
    #: The partition that holds the folder, and the folder's name inside its data.
    dataset: str
    partition: str
    folder: str
    rows: int
    #: Of the contents alone: equal fingerprints mean equal rows, whatever they were made from.
    fingerprint: str


class Manifest(BaseModel):
    """What a committed partition holds and what it was made from."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    key: str
    #: The folder of the data, relative to the partition's; empty for a view.
    attempt: str
    #: Of a view: the folders of other partitions that it shows, by ascending key.
    parts: tuple[Part, ...] = ()
    rows: int
    #: Column names and Arrow types; empty for data that are not a table.
    columns: dict[str, str]
    #: Of the inputs, the settings and the code: equal fingerprints mean equal contents.
    fingerprint: str
    #: Input name -> its sha256 or fingerprint.
    inputs: dict[str, str]
    settings: dict[str, Any]
    #: Named counts of the job, such as rows read and rows rejected by reason.
    counts: dict[str, int]
    #: Other facts, such as `weights: random`, that must be seen downstream.
    notes: dict[str, Any] = {}
    finished_at: str
    seconds: float


def fingerprint_of_parts(parts: Iterable[Part]) -> str:
    """Return the fingerprint of what parts hold together, in the order of their keys."""
    return sha256_of_json([[part.key, part.fingerprint] for part in parts])
