"""Counts a block of impostor keys, compiled by numba: what `kernels` does in fewer passes."""

import numba
import numpy as np

from components.evaluator.engine.arrays import Int32, Int64
from components.evaluator.engine.tables import KeyTable

CARRIES = True


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
    """See `kernels.count_block`."""
    positions = np.empty(keys.size, np.int64)
    found = _count(
        keys,
        np.int32(origin),
        table.low,
        table.high,
        row_limits,
        column_limits,
        row_ranks,
        column_ranks,
        np.int32(tail_limit),
        positions,
    )
    return positions[:found].copy()


@numba.njit(nogil=True, cache=True)
def _count(
    keys, origin, low, high, row_limits, column_limits, row_ranks, column_ranks, tail_limit, found
):
    rows, columns = keys.shape
    column_hits = np.zeros(columns, np.int32)
    listed = 0
    for row in range(rows):
        limit = row_limits[row]
        row_hits = np.int32(0)
        tail_hits = np.int32(0)
        # Loops without a branch: these are turned into vector instructions.
        for column in range(columns):
            key = keys[row, column]
            row_hits += key <= limit
            tail_hits += key <= tail_limit
        for column in range(columns):
            column_hits[column] += keys[row, column] <= column_limits[column]
        row_ranks[row] += row_hits
        for column in range(columns):
            key = keys[row, column] - origin
            count = np.uint8(low[key] + 1)
            low[key] = count
            if count == 0:
                high[key] += np.uint32(1)
        if tail_hits:
            for column in range(columns):
                if keys[row, column] <= tail_limit:
                    found[listed] = row * columns + column
                    listed += 1
    for column in range(columns):
        column_ranks[column] += column_hits[column]
    return listed
