"""Counts a block of impostor keys, with NumPy and SciPy."""

from typing import NamedTuple, Protocol

import numpy as np

from biometrics.arrays import Int32, Int64, UInt8

try:
    from scipy.sparse._sparsetools import csr_todense
except ImportError:  # it is private, and may be moved
    csr_todense = None

# Keys looked at together: they stay in the cache between the passes.
SLICE_KEYS = 2**17
_ONES = np.ones(SLICE_KEYS, np.uint8)


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

    def count_block(self, keys: Int32, counts: UInt8, ranking: Ranking) -> Int64:
        """See `Kernel`."""
        positions = [np.zeros(0, np.int64)]
        columns = keys.shape[1]
        slice_rows = SLICE_KEYS // columns
        for start in range(0, len(keys), slice_rows):
            rows = keys[start : start + slice_rows]
            places = np.subtract(rows.ravel(), ranking.origin, out=self._index[: rows.size])
            add_ones(counts, places)
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


def add_ones_by_scipy(counts: UInt8, places: Int32) -> None:
    """`add_ones` by a compiled loop of SciPy's.

    SciPy makes a sparse matrix dense by adding its values to an array that it is given; here the
    matrix is a single row, with a 1 at each place. This loop, behind `csr_array.toarray`, takes
    32-bit indices and bytes, and lets other threads run meanwhile. `numpy.add.at` takes twice as
    long and holds the others up; `numpy.bincount` needs a table of its own for every block.
    """
    row = np.array([0, len(places)], np.int32)
    csr_todense(1, len(counts), row, places, _ONES[: len(places)], counts)


def add_ones_by_numpy(counts: UInt8, places: Int32) -> None:
    """`add_ones` by what NumPy documents."""
    np.add.at(counts, places, np.uint8(1))


def add_ones(counts: UInt8, places: Int32) -> None:
    """Adds 1, modulo 256, at each place, as often as it comes.

    Args:
      counts: uint8 [T].
      places: int32 [P], 0 .. T - 1, P at most `SLICE_KEYS`.
    """
    (add_ones_by_scipy if csr_todense else add_ones_by_numpy)(counts, places)


def _add_hits(keys: Int32, nearest: Int32, limits: Int32, ranks: Int64) -> None:
    """Adds to each row's rank its keys at or below its limit; most rows have none."""
    hit = np.flatnonzero(nearest <= limits[: len(nearest)])
    ranks[hit] += np.count_nonzero(keys[hit] <= limits[hit, None], axis=1)
