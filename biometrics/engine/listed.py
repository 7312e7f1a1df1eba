"""Pairs that are remembered one by one: the most mistaken ones, and a sample of all."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Int32, Int64

# A tail keeps so many times its capacity before it looks for the best of them.
TAIL_ROOM = 4


@dataclass(frozen=True)
class ListedPairs:
    """Some pairs with their keys.

    Attributes:
      keys: int32 [P].
      first: int32 [P], the row of one image, in the order of the layout.
      second: int32 [P], the row of the other, which is the greater.
    """

    keys: Int32
    first: Int32
    second: Int32

    @classmethod
    def none(cls) -> "ListedPairs":
        """No pairs."""
        nothing = np.zeros(0, np.int32)
        return cls(nothing, nothing, nothing)

    @classmethod
    def joined(cls, parts: list["ListedPairs"]) -> "ListedPairs":
        """All pairs of all parts."""
        parts = parts or [cls.none()]
        return cls(
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.second for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, positions: Int64 | slice) -> "ListedPairs":
        """The pairs at these positions."""
        return ListedPairs(self.keys[positions], self.first[positions], self.second[positions])

    def leading(self, count: int, *, farthest: bool) -> "ListedPairs":
        """The nearest, or farthest, `count` pairs, sorted; of equal ones those of the first rows.

        Which pairs these are does not depend on how they were dealt into parts.
        """
        keys = -self.keys if farthest else self.keys
        if len(keys) > count:
            # Few of them are sorted by all three.
            within = np.flatnonzero(keys <= np.partition(keys, count - 1)[count - 1])
            return self.take(within).leading(len(within), farthest=farthest).take(slice(count))
        return self.take(_sorting_order(keys, self.first, self.second))

    def beyond(self, last: "ListedPairs", *, farthest: bool) -> "ListedPairs":
        """Those that the order of `leading` puts behind one given pair."""
        keys, limit = (-self.keys, -last.keys) if farthest else (self.keys, last.keys)
        is_same_row = self.first == last.first
        is_behind = (self.first > last.first) | (is_same_row & (self.second > last.second))
        return self.take(np.flatnonzero((keys > limit) | ((keys == limit) & is_behind)))


def _sorting_order(keys: Int32, first: Int32, second: Int32) -> Int64:
    """What sorts by key, then first, then second row: int64 [P]."""
    if not len(keys):
        return np.zeros(0, np.int64)
    least, rows = int(keys.min()), int(second.max()) + 1
    if (int(keys.max()) - least + 1) * rows**2 < 2**63:
        # One number for all three: ten times faster than sorting three times.
        combined = keys.astype(np.int64)
        combined -= least
        combined *= rows
        combined += first
        combined *= rows
        combined += second
        return np.argsort(combined)
    return np.lexsort((second, first, keys))


class Tail:
    """Collects the `capacity` nearest (or farthest) of the pairs that it is shown.

    Args:
      capacity: how many are kept.
      limit: the key beyond which a pair is not looked at, found by a sample; it only saves work,
        and narrows as better pairs are found.
      farthest: keep the largest keys.
    """

    def __init__(self, capacity: int, limit: int, *, farthest: bool = False):
        self.limit = limit
        self._capacity = capacity
        self._farthest = farthest
        self._parts: list[ListedPairs] = []
        self._held = 0

    def add(self, pairs: ListedPairs) -> None:
        """Shows it pairs that are within the limit."""
        self._parts.append(pairs)
        self._held += len(pairs)
        if self._held > TAIL_ROOM * self._capacity:
            kept = self.pairs().leading(self._capacity, farthest=self._farthest)
            self._parts, self._held = [kept], len(kept)
            self.limit = int(kept.keys[-1])

    def pairs(self) -> ListedPairs:
        """The pairs to be kept, at most `TAIL_ROOM` times as many with others, in no order."""
        return ListedPairs.joined(self._parts)
