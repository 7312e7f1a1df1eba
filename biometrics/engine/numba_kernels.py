"""Counts a block of impostor keys, compiled by numba."""

import os
from pathlib import Path

import numba
import numpy as np

from biometrics.arrays import Int32, Int64, UInt8
from biometrics.engine.kernels import Ranking

# An installation may be read-only, and numba has no other place for what it has compiled.
_IS_WRITABLE = os.access(Path(__file__).parent, os.W_OK)
# Keys that are compared by a few vector instructions and then counted one by one: while a processor
# waits for counts from its cache, it compares the next ones.
GROUP = 64


class NumbaKernel:
    """Fewer passes than NumPy has."""

    def __init__(self) -> None:
        self._found = np.empty(0, np.int64)

    def count_block(self, keys: Int32, counts: UInt8, ranking: Ranking) -> Int64:
        """See `Kernel`."""
        if len(self._found) < keys.size:
            self._found = np.empty(keys.size, np.int64)
        found = _count(
            keys,
            np.int32(ranking.origin),
            counts,
            ranking.row_limits,
            ranking.column_limits,
            ranking.row_ranks,
            ranking.column_ranks,
            np.int32(ranking.tail_limit),
            self._found,
        )
        return self._found[:found].copy()

    def sum_bytes(self, values: UInt8) -> int:
        """See `Kernel`."""
        return int(_sum(values))


@numba.njit(nogil=True, cache=_IS_WRITABLE)
def _count(
    keys, origin, counts, row_limits, column_limits, row_ranks, column_ranks, tail_limit, found
):
    rows, columns = keys.shape
    column_hits = np.zeros(columns, np.int32)
    listed = 0
    for row in range(rows):
        limit = row_limits[row]
        row_hits = np.int32(0)
        for left in range(0, columns, GROUP):
            some = keys[row, left : left + GROUP]
            limits = column_limits[left : left + GROUP]
            hits = column_hits[left : left + GROUP]
            tail_hits = np.int32(0)
            # Without a branch this becomes vector instructions; unless it is cast, a sum is int64.
            for column in range(len(some)):
                row_hits = np.int32(row_hits + (some[column] <= limit))
                tail_hits = np.int32(tail_hits + (some[column] <= tail_limit))
                hits[column] += some[column] <= limits[column]
            for column in range(len(some)):
                counts[np.uint32(some[column] - origin)] += np.uint8(1)
            if tail_hits:
                for column in range(len(some)):
                    if some[column] <= tail_limit:
                        found[listed] = row * columns + left + column
                        listed += 1
        row_ranks[row] += row_hits
    column_ranks += column_hits
    return listed


@numba.njit(nogil=True, cache=_IS_WRITABLE)
def _sum(values):
    total = np.uint32(0)
    for value in values:
        total = np.uint32(total + value)
    return total
