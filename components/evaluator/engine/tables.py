"""Counts by key, in a table that fits what the processor keeps close."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from components.evaluator.engine.arrays import Int32, Int64

# Keys whose counts are gathered at a time: they stay in the cache.
CHUNK = 2**16


class KeyTable:
    """How often each of the keys `0 .. size - 1` occurs.

    With `carries`, a count is a byte in `low` and its carries in `high`: the bytes of the keys that
    are busy fit the cache. Without, it is in `high` alone. Kernels write into both.

    Attributes:
      high: uint32 [size].
      low: uint8 [size]; empty without carries.
      pairs: how many were counted.
    """

    def __init__(self, size: int, *, carries: bool):
        self.high = np.zeros(size, np.uint32)
        self.low = np.zeros(size if carries else 0, np.uint8)
        self.pairs = 0
        self._unit = 256 if carries else 1
        self._emptied = np.zeros(0, np.int64)
        self._room = self._unit * (2**32 - 1)

    def reserve(self, pairs: int) -> None:
        """Before so many more pairs are counted: they cannot overflow it, all of one key even."""
        self.pairs += pairs
        if self._room < pairs:
            self._emptied = self.counts(slice(0, len(self.high)))
            self.high[:] = 0
            self.low[:] = 0
            self._room = self._unit * (2**32 - 1)
        self._room -= pairs

    def counts(self, keys: slice | Int64) -> Int64:
        """The counts of some keys, int64."""
        counts = self.high[keys].astype(np.int64) * self._unit
        if len(self.low):
            counts += self.low[keys]
        if len(self._emptied):
            counts += self._emptied[keys]
        return counts


class TablePool:
    """Tables that threads take in turn.

    Few will do for many threads: a block's product takes many times longer than its counting.

    Args:
      size: see `KeyTable`; one more key is added, for what is not to be counted.
      threads: that will use it.
      carries: see `KeyTable`.
    """

    _MOST = 4

    def __init__(self, size: int, threads: int, *, carries: bool):
        self._size = size
        tables = min(threads, self._MOST)
        self._tables = [KeyTable(size + 1, carries=carries) for _ in range(tables)]
        self._free: queue.SimpleQueue[KeyTable] = queue.SimpleQueue()
        for table in self._tables:
            self._free.put(table)

    @contextmanager
    def take(self) -> Iterator[KeyTable]:
        """A table for the caller alone; waits for one."""
        table = self._free.get()
        try:
            yield table
        finally:
            self._free.put(table)

    def gather(self, least: int) -> tuple[Int32, Int64]:
        """See `gather`."""
        return gather(self._tables, self._size, least)


def gather(tables: Sequence[KeyTable], size: int, least: int) -> tuple[Int32, Int64]:
    """The keys below `size` that occur in any table, ascending, and their counts: [V] each.

    It goes by ranges of keys, from `least` on, below which none occurs, until all pairs are found:
    memory of a table that was never written is not there yet, and reading it takes a page fault.
    """
    keys, counts = np.empty(size, np.int32), np.empty(size, np.int64)
    found = 0
    left = sum(table.pairs - int(table.counts(np.array([size]))[0]) for table in tables)
    for start in range(least, size, CHUNK):
        if left == 0:
            break
        total = sum(table.counts(slice(start, min(start + CHUNK, size))) for table in tables)
        occurring = np.flatnonzero(total != 0)
        more = slice(found, found + len(occurring))
        keys[more] = start + occurring
        counts[more] = total[occurring]
        left -= int(counts[more].sum())
        found = more.stop
    return keys[:found], counts[:found]
