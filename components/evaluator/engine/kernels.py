"""Counts a block of impostor keys, with NumPy.

`numpy.add.at` on a table of 32-bit counts takes about a nanosecond a pair, less than `bincount`,
which would need a fresh table of 64-bit counts for every block. It holds the interpreter's lock
meanwhile, so that more than about six threads gain little: the extra `fast` lifts that.
"""

import numpy as np

from components.evaluator.engine.arrays import Int32, Int64
from components.evaluator.engine.tables import KeyTable

# Rows looked at together: their keys stay in the cache between the passes.
SLICE_ROWS = 64
CARRIES = False
_ONE = np.uint32(1)


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
      int64 [P], ascending: where in the flat block the pairs to be listed are.
    """
    positions = [np.zeros(0, np.int64)]
    columns = keys.shape[1]
    index = np.empty((SLICE_ROWS, columns), np.intp)
    for start in range(0, len(keys), SLICE_ROWS):
        rows = keys[start : start + SLICE_ROWS]
        shifted = np.subtract(rows, origin, out=index[: len(rows)])
        np.add.at(table.high, shifted.ravel(), _ONE)
        nearest = rows.min(axis=1)
        _add_hits(rows, nearest, row_limits[start:], row_ranks[start:])
        _add_hits(rows.T, rows.min(axis=0), column_limits, column_ranks)
        listed = np.flatnonzero(nearest <= tail_limit)
        row, column = np.nonzero(rows[listed] <= tail_limit)
        positions.append((start + listed[row]) * columns + column)
    return np.concatenate(positions)


def _add_hits(keys: Int32, nearest: Int32, limits: Int32, ranks: Int64) -> None:
    """Adds to each row's rank its keys at or below its limit; most rows have none."""
    hit = np.flatnonzero(nearest <= limits[: len(nearest)])
    ranks[hit] += np.count_nonzero(keys[hit] <= limits[hit, None], axis=1)
