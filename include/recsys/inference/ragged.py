"""Rows of different lengths in three flat arrays, as compact as they can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.columns import PADDING_KEY

Keys = NDArray[np.int32]


@dataclass(frozen=True)
class Ragged:
    """Row `i` holds `keys[offsets[i]:offsets[i + 1]]`, in a meaningful order, and their weights."""

    offsets: NDArray[np.int64]  # [rows + 1]
    keys: Keys  # [total]
    weights: NDArray[np.float32]  # [total]

    @classmethod
    def group(
        cls, rows: ArrayLike, keys: ArrayLike, weights: ArrayLike | None = None, *, count: int
    ) -> Self:
        """Return entries grouped into `count` rows; entries of a row keep the order given.

        Args:
            rows: the row of each entry, in [0, count).
            keys: the key of each entry.
            weights: the weight of each entry; 1 where they are not given.
        """
        rows, keys = np.asarray(rows, np.int64), np.asarray(keys, np.int32)
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
        if weights is None:
            weights = np.ones(len(keys), np.float32)
        weights = np.asarray(weights, np.float32)
        if (np.diff(rows) < 0).any():
            order = np.argsort(rows, kind="stable")
            keys, weights = keys[order], weights[order]
        return cls(offsets, keys, weights)

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Return the rows of a nested sequence, all weights 1."""
        lengths = [len(row) for row in rows]
        keys = [key for row in rows for key in row]
        return cls.group(np.repeat(np.arange(len(rows)), lengths), keys, count=len(rows))

    @classmethod
    def of_matrix(cls, matrix: Keys) -> Self:
        """Return the keys of each row of a matrix [rows, m], padding left out, all weights 1."""
        real = matrix != PADDING_KEY
        return cls.group(np.nonzero(real)[0], matrix[real], count=len(matrix))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of entries of each row, [rows]."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each entry, [total]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, rows: ArrayLike) -> Self:
        """Return the rows asked for, in that order; rows beyond the last are empty."""
        rows = np.asarray(rows, np.int64)
        inside = rows < len(self)
        starts = np.where(inside, self.offsets[np.where(inside, rows, 0)], 0)
        lengths = np.where(inside, self.lengths[np.where(inside, rows, 0)], 0)
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        entries = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return type(self)(offsets, self.keys[entries], self.weights[entries])

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """Return the same rows with only the entries that `keep`, [total], marks."""
        return type(self).group(
            self.rows[keep], self.keys[keep], self.weights[keep], count=len(self)
        )

    def first(self, limit: int) -> Self:
        """Return the same rows with at most `limit` entries each."""
        return self.where(np.arange(len(self.keys)) - self.offsets[self.rows] < limit)

    def best(self, limit: int) -> Self:
        """Return each row's `limit` entries of the largest weight, best first, ties by key."""
        order = np.lexsort((self.keys, -self.weights, self.rows))
        return type(self)(self.offsets, self.keys[order], self.weights[order]).first(limit)

    def padded(self) -> Keys:
        """Return the keys as a matrix [rows, longest], padded with PADDING_KEY on the right."""
        width = int(self.lengths.max(initial=0))
        matrix = np.full((len(self), width), PADDING_KEY, np.int32)
        matrix[np.arange(width) < self.lengths[:, None]] = self.keys
        return matrix

    def without(self, other: "Ragged") -> Self:
        """Return the rows without the keys that the same row of `other` holds."""
        return self.where(~other.contains(self.rows, self.keys))

    def contains(self, rows: NDArray[np.int64], keys: Keys) -> NDArray[np.bool_]:
        """Return whether row `rows[i]` holds `keys[i]`, for arrays that broadcast together."""
        if not len(self.keys):
            return np.zeros(np.broadcast_shapes(rows.shape, keys.shape), bool)
        # One number a row and key, so that a single sorted search answers for all of them.
        base = max(int(keys.max(initial=0)), int(self.keys.max())) + 1
        own = np.sort(self.rows * base + self.keys)
        asked = rows * base + keys
        found = np.minimum(np.searchsorted(own, asked), len(own) - 1)
        return np.asarray(own[found] == asked, bool)

    def marks(self, matrix: Keys) -> NDArray[np.bool_]:
        """Return which cells of `matrix` [rows, m] hold one of the same row's keys."""
        return self.contains(np.arange(len(self))[:, None], matrix)
