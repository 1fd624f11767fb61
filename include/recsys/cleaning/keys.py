"""Dense keys for ids: append-only, so that a key never changes its meaning."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.columns import FIRST_KEY
from recsys.job import ALL_TIME
from recsys.paths import Partition
from recsys.schemas import KEYS
from recsys.step import Step


def extend_keys(step: Step, ids: pa.StringArray, name: str) -> NDArray[np.int32]:
    """Return the key of each id, int32 [n]; the map `keys.<name>` is committed if any is new.

    Args:
        step: has `keys.<name>` for all time among its outputs.
        ids: distinct.
        name: `articles` or `customers`.
    """
    partition, schema = Partition(f"keys.{name}", ALL_TIME), KEYS[name]
    is_first = step.lake.manifest(partition) is None
    known = schema.empty_table() if is_first else step.lake.read(partition)
    added = new_keys(ids, known)
    if is_first or len(added):
        known = pa.concat_tables([known.sort_by(schema.names[1]), added]).combine_chunks()
        with step.write(partition.dataset) as draft:
            step.lake.put_table(draft, known)
            draft.counts = {"keys_added": len(added)}
    places = pc.index_in(ids, value_set=known[0].combine_chunks())
    keys: NDArray[np.int32] = known[1].to_numpy()[places.to_numpy()]
    return keys


def new_keys(ids: pa.StringArray, known: pa.Table) -> pa.Table:
    """Return the ids that have no key yet with their keys, in ascending order of both.

    Args:
        ids: distinct.
        known: the map so far: ids, and keys from FIRST_KEY on without gaps.
    """
    is_new = pc.invert(pc.is_in(ids, value_set=known[0].combine_chunks()))
    added = ids.filter(is_new)
    added = added.take(pc.array_sort_indices(added))
    first = FIRST_KEY + len(known)
    keys = np.arange(first, first + len(added), dtype=np.int32)
    return pa.table([added, keys], schema=known.schema)
