"""Counts by key, in a table that fits what the processor keeps close."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from components.evaluator.engine.arrays import Int32, Int64

# Keys whose counts are gathered at a time: they stay in the cache.
CHUNK = 2**16
# Pairs that a table counts before its counts are moved to a wider one.
_ROOM = 2**32 - 1


class KeyTable:
    """How often each of the keys `0 .. size - 1` occurs.

    Kernels write into it. They may count in bytes: those of the keys that are busy fit the cache. A
    byte that overflows carries 256 over to `high`, so that a count is the sum of both.

    Args:
      size: see above.
      has_bytes: whether there is a `low`.

    Attributes:
      high: uint32 [size].
      low: uint8 [size]; empty without bytes.
      pairs: how many were counted.
    """

    def __init__(self, size: int, *, has_bytes: bool):
        self.high = np.zeros(size, np.uint32)
        self.low = np.zeros(size if has_bytes else 0, np.uint8)
        self.pairs = 0
        self._moved = np.zeros(0, np.int64)
        self._room = _ROOM

    def reserve(self, pairs: int) -> None:
        """Before so many more pairs are counted: they cannot overflow it, all of one key even."""
        self.pairs += pairs
        if self._room < pairs:
            moved = np.zeros(len(self.high), np.int64)
            self.add_to(moved, slice(len(moved)))
            self._moved = moved
            self.high[:] = 0
            self.low[:] = 0
            self._room = _ROOM
        self._room -= pairs

    def add_to(self, counts: Int64, keys: slice) -> None:
        """Adds the counts of a range of keys to others, int64, in place."""
        for part in (self.high, self.low, self._moved):
            if len(part):
                counts += part[keys]


class TablePool:
    """Tables that threads take in turn.

    Few will do for many threads: a block's product takes many times longer than its counting.

    Args:
      size: see `KeyTable`; one more key is added, for what is not to be counted.
      threads: that will use it.
      has_bytes: see `KeyTable`.
    """

    _MOST = 4

    def __init__(self, size: int, threads: int, *, has_bytes: bool):
        self._size = size
        tables = min(threads, self._MOST)
        self._tables = [KeyTable(size + 1, has_bytes=has_bytes) for _ in range(tables)]
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
    total = np.empty(CHUNK, np.int64)

    def total_of(start: int, stop: int) -> Int64:
        summed = total[: stop - start]
        summed[:] = 0
        for table in tables:
            table.add_to(summed, slice(start, stop))
        return summed

    left = sum(table.pairs for table in tables) - int(total_of(size, size + 1)[0])
    for start in range(least, size, CHUNK):
        if left == 0:
            break
        summed = total_of(start, min(start + CHUNK, size))
        occurring = np.flatnonzero(summed != 0)
        more = slice(found, found + len(occurring))
        keys[more] = start + occurring
        counts[more] = summed[occurring]
        left -= int(summed.sum())
        found = more.stop
    return keys[:found], counts[:found]
