"""Counts by key: lists where pairs are few, and tables where they are many."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from biometrics.arrays import Int32, Int64, UInt8

# Keys whose counts are looked at together: they stay in the cache.
CHUNK = 2**16
# Keys that are kept before they are counted.
MOST_WAITING = 2**20
# A byte that is above this may overflow soon.
_NEARLY_FULL = 191


class KeyCounts(NamedTuple):
    """The keys that occur, ascending, and how often each does: int32 and int64 [V]."""

    keys: Int32
    counts: Int64

    @classmethod
    def none(cls) -> "KeyCounts":
        """No keys."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    @classmethod
    def summed(cls, parts: Sequence["KeyCounts"]) -> "KeyCounts":
        """The counts of all parts together."""
        parts = [part for part in parts if len(part.keys)] or [cls.none()]
        if len(parts) == 1:
            return parts[0]
        keys, place = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
        return cls(keys, counts)


class KeyList:
    """How often each of a few keys occurs; threads may share it.

    Its memory is that of the distinct keys, and of a million others that wait to be counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted = KeyCounts.none()
        self._waiting: list[Int32] = []
        self._number_waiting = 0

    def add(self, keys: Int32) -> None:
        """Counts some keys."""
        with self._lock:
            self._waiting.append(keys)
            self._number_waiting += len(keys)
            if self._number_waiting > MOST_WAITING:
                self._count_waiting()

    def occurring(self) -> KeyCounts:
        """The keys that occur."""
        self._count_waiting()
        return self._counted

    def _count_waiting(self) -> None:
        if self._waiting:
            counted = np.unique(np.concatenate(self._waiting), return_counts=True)
            self._counted = KeyCounts.summed([self._counted, KeyCounts(*counted)])
            self._waiting, self._number_waiting = [], 0


class KeyTable:
    """How often each of the keys `origin .. origin + size - 1` occurs; threads may share it.

    Memory is there only for the range of the keys that occur.

    Args:
      origin: the least key.
      size: the number of keys.
    """

    def __init__(self, origin: int, size: int):
        self.origin = origin
        self.size = size
        self._counts = np.empty(size, np.int64)
        self._range = slice(0, 0)
        self._lock = threading.Lock()
        self._byte_tables: list[ByteTable] = []

    def bytes(self, sum_bytes: Callable[[UInt8], int]) -> "ByteTable":
        """Makes a table of bytes for one thread, whose counts belong to this one."""
        table = ByteTable(self, sum_bytes)
        self._byte_tables.append(table)
        return table

    def add(self, counts: UInt8 | Int64, places: slice) -> None:
        """Adds the counts of a range of keys, each at its place less `origin`."""
        with self._lock:
            added = widened(self._range, places, self.size)
            self._counts[added.start : self._range.start] = 0
            self._counts[max(added.start, self._range.stop) : added.stop] = 0
            self._range = added
            self._counts[places] += counts

    def occurring(self) -> KeyCounts:
        """The keys that occur. The table is spent afterwards: its memory is that of the counts."""
        for table in self._byte_tables:
            table.empty()
        keys = np.empty(self._range.stop - self._range.start, np.int32)
        counts = self._counts[self._range]
        found = 0
        for start in range(0, len(keys), CHUNK):
            some = counts[start : start + CHUNK]
            occurring = np.flatnonzero(some != 0)  # of booleans it is faster than of integers
            more = slice(found, found + len(occurring))
            keys[more] = self.origin + self._range.start + start + occurring
            counts[more] = some[occurring]  # copied first, and never to a place still to be read
            found = more.stop
        return KeyCounts(keys[:found], counts[:found])


class ByteTable:
    """Counts blocks of keys in bytes, for one thread, on behalf of a `KeyTable`.

    The bytes of the keys that are busy fit the cache, where integers of 32 bits would not. Nobody
    looks whether a byte overflows, since that would take half as long again. The sum of all bytes
    tells: each overflow takes 256 away from it. Then the block is taken back, and counted in
    integers. The bytes are emptied in time, so that this happens only where one key comes very
    often in a single block.

    Args:
      table: that gets the counts.
      sum_bytes: gives their sum, modulo 2^32; a kernel's may be faster than NumPy's.
    """

    def __init__(self, table: KeyTable, sum_bytes: Callable[[UInt8], int]):
        self._table = table
        self._sum_bytes = sum_bytes
        self._bytes = np.zeros(table.size + 1, np.uint8)
        self._range = slice(0, 0)  # of the keys that occur
        self._pairs = 0

    @contextmanager
    def counting(self, keys: Int32, pairs: int) -> Iterator[UInt8]:
        """Gives the bytes for the caller to count a block in; then makes sure of them.

        Args:
          keys: int32 of any shape. Each is to be counted at its place less `origin`, modulo 256.
          pairs: how many are keys of the table. The others must be `origin + size`, and how often
            they come is not counted.
        """
        # To look at all bytes also brings them back into the cache.
        if self._bytes[self._range].max(initial=0) > _NEARLY_FULL:
            self.empty()
        yield self._bytes
        self._pairs += pairs
        if not self._adds_up():
            self._mend(keys.ravel() if pairs == keys.size else keys[keys < self._not_counted])

    def empty(self) -> None:
        """Hands all counts over to the table."""
        if self._pairs:
            self._table.add(self._bytes[self._range], self._range)
            self._bytes[self._range] = 0
            self._pairs = 0

    @property
    def _not_counted(self) -> int:
        return self._table.origin + self._table.size

    def _adds_up(self) -> bool:
        # Modulo 2^32 is enough: a block has too few pairs to take that much away.
        return self._sum_bytes(self._bytes[self._range]) == self._pairs % 2**32

    def _mend(self, keys: Int32) -> None:
        """Finds the keys of a block that lie out of range, or takes it back."""
        least = int(keys.min()) - self._table.origin
        places = slice(least, int(keys.max()) - self._table.origin + 1)
        self._range = widened(self._range, places, self._table.size)
        if not self._adds_up():
            counts = np.bincount(keys - np.int32(self._table.origin + least))
            self._bytes[places] -= counts.astype(np.uint8)  # modulo 256, as it was counted
            self._table.add(counts, places)
            self._pairs -= len(keys)


def widened(old: slice, added: slice, size: int) -> slice:
    """The range of whole chunks that holds both ranges, the old one unless it is empty.

    In chunks it seldom has to be widened again. It ends at `size` at the latest.
    """
    start = added.start // CHUNK * CHUNK
    stop = min(-(-added.stop // CHUNK) * CHUNK, size)
    return slice(min(start, old.start), max(stop, old.stop)) if old.stop else slice(start, stop)
