"""The ids of the catalogue, to be looked up a million at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
from numpy.typing import NDArray

from recsys.columns import PADDING_KEY
from recsys.columns import Columns as C
from recsys.errors import RecsysError
from recsys.store import open_store

Words = NDArray[np.uint64]
#: Odd, so that no bit of a word is lost when it is multiplied; from pi.
MULTIPLIER = np.uint64(0x243F6A8885A308D3)


@dataclass(frozen=True)
class Ids:
    """n ids of one length with their keys; a table that is made once and asked many times.

    `pc.index_in` would make a table of all ids at each call.

    hashes: uint64 [n], ascending.
    words: uint64 [n, w], the bytes of the ids, filled up with zeros.
    keys: int32 [n].
    width: bytes of an id.
    """

    hashes: Words
    words: Words
    keys: NDArray[np.int32]
    width: int

    @classmethod
    def of(cls, ids: pa.StringArray, keys: NDArray[Any]) -> Self:
        """Return the table of ids, which must have one length, and of their keys [n].

        Raises:
            RecsysError: two ids have one hash, which takes billions of ids, or a repeat.
        """
        width = len(ids[0].as_py()) if len(ids) else 0
        words = _words(ids, width)
        hashes = _hash(words)
        order = np.argsort(hashes)
        if not np.diff(hashes[order]).all():
            raise RecsysError("two ids of the catalogue cannot be told apart: is one there twice?")
        return cls(hashes[order], words[order], keys[order].astype(np.int32), width)

    def find(self, ids: pa.StringArray) -> NDArray[np.int32]:
        """Return the keys int32 [m] of ids [m], PADDING_KEY for those that are not known."""
        keys = np.full(len(ids), PADDING_KEY, np.int32)
        alike = np.flatnonzero(pc.equal(pc.binary_length(ids), self.width))
        if len(self.keys) and len(alike):
            words = _words(ids.take(pa.array(alike)), self.width)
            hashes = _hash(words)
            order = np.argsort(hashes)  # places are found quicker in their order
            places = np.empty(len(alike), np.int64)
            places[order] = np.searchsorted(self.hashes, hashes[order])
            places = np.minimum(places, len(self.keys) - 1)
            is_known = (self.words[places] == words).all(axis=1)
            keys[alike[is_known]] = self.keys[places[is_known]]
        return keys


@dataclass(frozen=True)
class ScannedIds:
    """n ids with their keys, all of them looked at by each question: for a few, no table is made.

    keys: int32 [n].
    """

    ids: pa.ChunkedArray
    keys: NDArray[np.int32]

    def find(self, ids: pa.StringArray) -> NDArray[np.int32]:
        """Return what `Ids.find` does."""
        places = np.flatnonzero(pc.is_in(self.ids, value_set=ids))
        known = self.ids.take(pa.array(places)).combine_chunks()
        found = pc.index_in(ids, value_set=known).fill_null(len(known))
        keys = np.append(self.keys[places], np.int32(PADDING_KEY))
        return np.asarray(keys[found.to_numpy()], np.int32)


@dataclass(frozen=True)
class Known:
    """The valid articles and customers."""

    articles: Ids | ScannedIds
    customers: Ids | ScannedIds


@lru_cache(maxsize=1)
def read_known(articles: tuple[str, ...], customers: tuple[str, ...], *, for_few: bool) -> Known:
    """Return what files of cleaned.articles and cleaned.customers hold.

    A process reads the same files once: files of the lake never change.

    Args:
        articles: addresses of files.
        customers: likewise.
        for_few: whether only a few are asked for.
    """
    return Known(
        _read(articles, C.ARTICLE_ID, C.ARTICLE_KEY, for_few=for_few),
        _read(customers, C.CUSTOMER_ID, C.CUSTOMER_KEY, for_few=for_few),
    )


def _read(
    files: Sequence[str], id_column: str, key_column: str, *, for_few: bool
) -> Ids | ScannedIds:
    fs, _ = open_store(files[0])
    paths = [fs._strip_protocol(file) for file in files]
    data = pa.dataset.dataset(paths, filesystem=fs, format="parquet")
    table = data.to_table(columns=[id_column, key_column])
    ids, keys = table[id_column], table[key_column].to_numpy()
    return ScannedIds(ids, keys) if for_few else Ids.of(ids.combine_chunks(), keys)


def _words(ids: pa.StringArray, width: int) -> Words:
    """Return ids [n] of `width` bytes each as whole numbers, uint64 [n, w]."""
    padded = np.zeros((len(ids), -(-width // 8) * 8), np.uint8)
    if len(ids):
        text = ids.cast(pa.binary()).cast(pa.binary(width))
        rows = np.frombuffer(text.buffers()[1], np.uint8, len(ids) * width)
        padded[:, :width] = rows.reshape(len(ids), width)
    return padded.view(np.uint64)


def _hash(words: Words) -> Words:
    """Return one number uint64 [n] for each row of words [n, w]."""
    hashes = np.zeros(len(words), np.uint64)
    for word in words.T:
        hashes = (hashes ^ word) * MULTIPLIER
        hashes ^= hashes >> np.uint64(32)
    return hashes
