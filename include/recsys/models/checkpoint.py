"""A training's state after its latest epoch, in one file: a killed training goes on from there."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Everything of a checkpoint that is no array, as JSON.
FACTS = "facts"


def save_checkpoint(path: Path, groups: dict[str, list[Any]], facts: dict[str, Any]) -> None:
    """Write named lists of arrays, and facts that JSON can hold; the file is whole or not there."""
    arrays = {f"{name}/{i}": a for name, group in groups.items() for i, a in enumerate(group)}
    arrays[FACTS] = np.array(json.dumps(facts))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def load_checkpoint(path: Path) -> tuple[dict[str, list[npt.NDArray[Any]]], dict[str, Any]]:
    """Return what `save_checkpoint` wrote."""
    groups: dict[str, list[npt.NDArray[Any]]] = {}
    with np.load(path, allow_pickle=False) as arrays:
        # A zip file keeps the order in which its arrays were written.
        for name in arrays.files:
            if name != FACTS:
                groups.setdefault(name.split("/")[0], []).append(arrays[name])
        return groups, json.loads(str(arrays[FACTS]))
