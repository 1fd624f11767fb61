"""Where objects may lie below a target: keys are strangers' text, and never lead out of it."""

from collections.abc import Iterable
from pathlib import Path

from recsys.errors import DataError
from recsys.mirror.bucket import RemoteFile
from recsys.mirror.index import FOLDER

#: Faults that are told one by one.
SHOWN = 10


def check_names(files: Iterable[RemoteFile], target: Path) -> None:
    """Refuse a listing with a name that is no plain path below the target.

    Raises:
        DataError: naming the first of them, and how many there are.
    """
    listed = list(files)
    taken = {file.name for file in listed}
    folders = {folder_of(file.name) for file in listed if is_plain(file.name)}
    outside = {folder for folder in folders if not is_inside(target, folder)}
    faults = []
    for file in listed:
        if not is_plain(file.name):
            faults.append(f"key {file.key!r} is no path of a file below a folder")
        elif folder_of(file.name) in outside:
            faults.append(f"key {file.key!r} leads out of {target} by a link that lies there")
        elif any(str(parent) in taken for parent in Path(file.name).parents):
            faults.append(f"key {file.key!r} lies below another object, as if that were a folder")
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise DataError([*faults[:SHOWN], *more])


def folder_of(name: str) -> str:
    """Return the name of the folder that a file lies in; empty for the target itself."""
    return name.rpartition("/")[0]


def is_inside(target: Path, folder: str) -> bool:
    """Return whether a folder lies below the target even where links lie on the way."""
    return (target / folder).resolve().is_relative_to(target.resolve())


def is_plain(name: str) -> bool:
    """Return whether a name is a relative path of ordinary parts, outside the mirror's own folder.

    >>> [is_plain(name) for name in ("images/010/1.jpg", "../x", "/etc/x", "a//b", ".mirror/x")]
    [True, False, False, False, False]
    """
    parts = name.split("/")
    is_ordinary = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
    return is_ordinary and parts[0] != FOLDER
