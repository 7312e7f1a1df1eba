"""Counts a block of impostor keys, with NumPy and SciPy."""

from typing import NamedTuple, Protocol

import numpy as np
from scipy.sparse import _sparsetools

from biometrics.arrays import Int32, Int64, UInt8

# Keys looked at together: they stay in the cache between the passes.
SLICE_KEYS = 2**17


class Ranking(NamedTuple):
    """What the keys of a block are compared with, and where the outcome is added.

    Attributes:
      origin: the key that is counted first.
      row_limits: int32 [R].
      column_limits: int32 [C].
      row_ranks: int64 [R], to add to.
      column_ranks: int64 [C], to add to.
      tail_limit: the largest key of a pair to be listed.
    """

    origin: int
    row_limits: Int32
    column_limits: Int32
    row_ranks: Int64
    column_ranks: Int64
    tail_limit: int


class Kernel(Protocol):
    """What counts a block; an instance serves one thread."""

    def count_block(self, keys: Int32, counts: UInt8, ranking: Ranking) -> Int64:
        """Counts the keys, and for each row and column those at or below its limit.

        Args:
          keys: int32 [R, C], C-contiguous, C at most `SLICE_KEYS`.
          counts: to add 1 to at each key less `ranking.origin`, modulo 256.
          ranking: of these rows and columns.

        Returns:
          int64 [P]: where in the flat block the pairs to be listed are.
        """

    def sum_bytes(self, values: UInt8) -> int:
        """The sum, modulo 2^32."""


class NumpyKernel:
    """The compiled loops of NumPy and SciPy."""

    def __init__(self) -> None:
        self._index = np.empty(SLICE_KEYS, np.int32)
        self._ones = np.ones(SLICE_KEYS, np.uint8)

    def count_block(self, keys: Int32, counts: UInt8, ranking: Ranking) -> Int64:
        """See `Kernel`."""
        positions = [np.zeros(0, np.int64)]
        columns = keys.shape[1]
        slice_rows = SLICE_KEYS // columns
        for start in range(0, len(keys), slice_rows):
            rows = keys[start : start + slice_rows]
            self._count(rows.ravel(), ranking.origin, counts)
            nearest = rows.min(axis=1)
            _add_hits(rows, nearest, ranking.row_limits[start:], ranking.row_ranks[start:])
            _add_hits(rows.T, rows.min(axis=0), ranking.column_limits, ranking.column_ranks)
            listed = np.flatnonzero(nearest <= ranking.tail_limit)
            row, column = np.divmod(np.flatnonzero(rows[listed] <= ranking.tail_limit), columns)
            positions.append((start + listed[row]) * columns + column)
        return np.concatenate(positions)

    def sum_bytes(self, values: UInt8) -> int:
        """See `Kernel`."""
        return int(values.sum(dtype=np.uint32))  # twice as fast as in 64 bits

    def _count(self, keys: Int32, origin: int, counts: UInt8) -> None:
        """Adds 1 to the counts at each key.

        SciPy makes a sparse matrix dense by adding its values to an array that it is given; here
        the matrix is a single row, with a 1 at each key. This compiled loop, behind
        `csr_array.toarray`, takes 32-bit indices and bytes, and lets other threads run meanwhile;
        `numpy.add.at` does not, and `numpy.bincount` needs a table of its own for every block.
        """
        index = np.subtract(keys, origin, out=self._index[: len(keys)])
        row = np.array([0, len(index)], np.int32)
        _sparsetools.csr_todense(1, len(counts), row, index, self._ones, counts)


def _add_hits(keys: Int32, nearest: Int32, limits: Int32, ranks: Int64) -> None:
    """Adds to each row's rank its keys at or below its limit; most rows have none."""
    hit = np.flatnonzero(nearest <= limits[: len(nearest)])
    ranks[hit] += np.count_nonzero(keys[hit] <= limits[hit, None], axis=1)
