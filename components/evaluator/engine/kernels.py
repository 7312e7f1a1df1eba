"""Counts a block of impostor keys, with NumPy and SciPy."""

import numpy as np
from scipy.sparse import _sparsetools

from components.evaluator.engine.arrays import Int32, Int64
from components.evaluator.engine.tables import KeyTable

# Keys looked at together: they stay in the cache between the passes.
SLICE_KEYS = 2**17
CARRIES = False


def count_block(
    keys: Int32,
    table: KeyTable,
    *,
    origin: int,
    row_limits: Int32,
    column_limits: Int32,
    row_ranks: Int64,
    column_ranks: Int64,
    tail_limit: int,
) -> Int64:
    """Counts the keys, and for each row and column those at or below its limit.

    Args:
      keys: int32 [R, C], C-contiguous.
      table: to count in.
      origin: the key that is the table's first.
      row_limits: int32 [R]; column_limits: int32 [C].
      row_ranks: int64 [R], column_ranks: int64 [C], to add to.
      tail_limit: the largest key of a pair to be listed.

    Returns:
      int64 [P]: where in the flat block the pairs to be listed are.
    """
    positions = [np.zeros(0, np.int64)]
    columns = keys.shape[1]
    slice_rows = max(1, SLICE_KEYS // columns)
    index = np.empty((slice_rows, columns), np.int32)
    ones = np.ones(index.size, np.int32)
    for start in range(0, len(keys), slice_rows):
        rows = keys[start : start + slice_rows]
        _count(np.subtract(rows, origin, out=index[: len(rows)]).ravel(), ones, table)
        nearest = rows.min(axis=1)
        _add_hits(rows, nearest, row_limits[start:], row_ranks[start:])
        _add_hits(rows.T, rows.min(axis=0), column_limits, column_ranks)
        listed = np.flatnonzero(nearest <= tail_limit)
        row, column = np.divmod(np.flatnonzero(rows[listed] <= tail_limit), columns)
        positions.append((start + listed[row]) * columns + column)
    return np.concatenate(positions)


def _count(index: Int32, ones: Int32, table: KeyTable) -> None:
    """Adds 1 to the table at each index.

    A sparse column with a 1 at each index, times 1, added to the table in place. SciPy's compiled
    loop, behind `csc_array @ vector`, takes 32-bit indices and lets other threads run meanwhile;
    `numpy.add.at` does neither, and `numpy.bincount` needs a table of its own for every block.
    """
    counts = table.high.view(np.int32)
    ends = np.array([0, len(index)], np.int32)
    _sparsetools.csc_matvec(len(counts), 1, ends, index, ones, ones, counts)


def _add_hits(keys: Int32, nearest: Int32, limits: Int32, ranks: Int64) -> None:
    """Adds to each row's rank its keys at or below its limit; most rows have none."""
    hit = np.flatnonzero(nearest <= limits[: len(nearest)])
    ranks[hit] += np.count_nonzero(keys[hit] <= limits[hit, None], axis=1)
