"""Goes through blocks of pairs and keeps what the figures need: counts, ranks and a few pairs.

The strips come first: they give the genuine pairs, and with them the nearest mate of every image.
Every impostor pair is counted, and at once compared with the nearest mates of its row and of its
column. A rank is 1 + the impostor images at most as far as the nearest mate, so the whole CMC is
there without a search for the nearest images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Int32, Int64
from biometrics.engine.kernels import Kernel, Ranking
from biometrics.engine.key_counts import KeyCounts, KeyList, KeyTable
from biometrics.engine.layout import Block, Layout, tiles
from biometrics.engine.listed import TAIL_ROOM, ListedPairs, Tail
from biometrics.engine.scorers import Scorer
from groundfloor.draws import Draw, generator

# Pairs of a kind that are listed one by one: the most mistaken ones, and as many others or more.
LISTED_PAIRS = 2**16
_NO_MATE = np.int32(np.iinfo(np.int32).max)
# The sample that says how near the nearest impostor pairs are: of so many pairs that this many of
# the wanted ones are among them, and of no more rows and columns than that.
_SAMPLE_NEAREST, _SAMPLE_ROWS = 128, 384
# What the sample may be wrong by: so many more pairs than wanted are looked at.
_SAMPLE_SLACK = 1.5
# Keeps the sampled positions of neighbouring blocks apart; a prime.
_STRIDE = 7919


@dataclass(frozen=True)
class Counted:
    """What some blocks gave; parts of it add up to the same whatever the division.

    Attributes:
      by_key: how many pairs have each key.
      by_row: [N]: of genuine pairs, int32, the largest key that is as near as the nearest mate,
        and one below all keys where there is no mate; of impostor pairs, int64, how many are at
        most as far as the nearest mate.
      tail: the `LISTED_PAIRS` most mistaken pairs, among some others, in no order.
      sampled: pairs at regular places of the blocks.
    """

    by_key: KeyCounts
    by_row: Int32 | Int64
    tail: ListedPairs
    sampled: ListedPairs

    def listed(self, *, farthest: bool) -> tuple[ListedPairs, ListedPairs]:
        """The most mistaken pairs, the worst first, and a sample of all others.

        Args:
          farthest: whether the most mistaken pairs are the farthest ones, as genuine pairs are.
        """
        tail = self.tail.leading(LISTED_PAIRS, farthest=farthest)
        return tail, self.sampled.beyond(tail.take(slice(-1, None)), farthest=farthest)


class ImpostorCounter:
    """Counts impostor pairs, and those that come before the nearest mate of their images.

    Args:
      layout: of the rows.
      scorer: of their distances.
      table: to count in; counters of several threads may share it.
      limits: int32 [N], `Counted.by_row` of the genuine pairs; it is read when blocks are added.
      tail_limit: see `nearest_impostors_limit`.
      kernel: of this counter alone.
    """

    def __init__(
        self,
        layout: Layout,
        scorer: Scorer,
        table: KeyTable,
        *,
        limits: Int32,
        tail_limit: int,
        kernel: Kernel,
    ):
        self._layout = layout
        self._scorer = scorer
        self._kernel = kernel
        self._workspace = np.empty(layout.largest_block, np.float32)
        self._bytes = table.bytes(kernel.sum_bytes)
        self._limits = limits
        self._before_mate = np.zeros(layout.images, np.int64)
        self._tail = Tail(LISTED_PAIRS, tail_limit)
        self._step = max(1, layout.impostor_pairs // LISTED_PAIRS)
        self._sampled: list[ListedPairs] = []
        self._not_counted = scorer.origin + scorer.size

    def keys(self, block: Block) -> Int32:
        """The keys of any block, int32 [R, C], until the next one is asked for."""
        return self._scorer.keys(block.rows, block.columns, self._workspace)

    def add(self, block: Block) -> int:
        """Counts the pairs of one of `Layout.blocks`; gives their number."""
        keys = self.keys(block)
        return self._add_keys(block, keys, keys.size)

    def add_strip(self, strip: Block, keys: Int32) -> int:
        """Counts the impostor pairs of a strip whose keys are there; gives their number."""
        end = self._layout.end[strip.rows]
        is_left_out = np.arange(strip.left, strip.right) < end[:, None]
        np.copyto(keys, self._not_counted, where=is_left_out)
        return self._add_keys(strip, keys, keys.size - int(np.count_nonzero(is_left_out)))

    def _add_keys(self, block: Block, keys: Int32, pairs: int) -> int:
        ranking = Ranking(
            origin=self._scorer.origin,
            row_limits=self._limits[block.rows],
            column_limits=self._limits[block.columns],
            row_ranks=self._before_mate[block.rows],
            column_ranks=self._before_mate[block.columns],
            tail_limit=self._tail.limit,
        )
        with self._bytes.counting(keys, pairs) as counts:
            found = self._kernel.count_block(keys, counts, ranking)
        if len(found):
            self._tail.add(_listed(keys, found, block))
        sample = _listed(keys, _sampled_positions(keys.size, block, self._step), block)
        self._sampled.append(sample.take(np.flatnonzero(sample.keys != self._not_counted)))
        return pairs

    def counted(self, by_key: KeyCounts) -> Counted:
        """What was found so far, with what the table holds, or with nothing."""
        sampled = ListedPairs.joined(self._sampled)
        return Counted(by_key, self._before_mate, self._tail.pairs(), sampled)


class GenuineCounter:
    """Counts the genuine pairs of strips, and finds the nearest mate of all their images.

    With that a strip's impostor pairs can be counted, while its product is there.

    Args:
      layout: of the rows.
      scorer: of their distances.
      keys: to count in; counters of several threads may share it.
      limits: int32 [N], `no_mates` at first, to be filled; shared by the counters, each of which
        writes the rows of its strips.
      impostors: counts the impostor pairs of the strips; of this counter alone.
    """

    def __init__(
        self,
        layout: Layout,
        scorer: Scorer,
        keys: KeyList,
        *,
        limits: Int32,
        impostors: ImpostorCounter,
    ):
        self._layout = layout
        self._scorer = scorer
        self._limits = limits
        self._impostors = impostors
        self._keys = keys
        self._nearest = np.full(layout.images, _NO_MATE, np.int32)
        self._tail = Tail(LISTED_PAIRS, scorer.origin, farthest=True)
        self._step = max(1, layout.genuine_pairs // LISTED_PAIRS)
        self._sampled: list[ListedPairs] = []

    def add(self, strip: Block) -> int:
        """Counts the pairs of one of `Layout.strips`; gives their number."""
        pairs = 0
        for block in tiles(strip):
            keys = self._impostors.keys(block)
            pairs += self._add_genuine(block, keys)
        self._limits[strip.rows] = self._reachable(self._nearest[strip.rows])
        identity = self._layout.identity[strip.rows]
        if identity[0] != identity[-1]:
            pairs += self._impostors.add_strip(strip, keys)
        return pairs

    def _add_genuine(self, block: Block, keys: Int32) -> int:
        first, second = self._layout.genuine_in(block)
        genuine = ListedPairs(keys[first - block.top, second - block.left], first, second)
        for rows in (first, second):
            np.minimum.at(self._nearest, rows, genuine.keys)
        self._keys.add(genuine.keys)
        self._tail.add(genuine.take(np.flatnonzero(genuine.keys >= self._tail.limit)))
        self._sampled.append(genuine.take(_sampled_positions(len(genuine), block, self._step)))
        return len(genuine)

    def _reachable(self, nearest: Int32) -> Int32:
        """The largest keys at most as far as these, and one below all keys for `_NO_MATE`."""
        has_mate = nearest != _NO_MATE
        keys = self._scorer.largest_equal(np.where(has_mate, nearest, self._scorer.origin))
        return np.where(has_mate, keys, self._scorer.origin - 1)

    def counted(self, by_key: KeyCounts) -> Counted:
        """What was found so far, with what the list holds, or with nothing."""
        sampled = ListedPairs.joined(self._sampled)
        return Counted(by_key, self._limits, self._tail.pairs(), sampled)


def no_mates(layout: Layout, scorer: Scorer) -> Int32:
    """What `Counted.by_row` of genuine pairs is before any is counted, int32 [N]."""
    return np.full(layout.images, scorer.origin - 1, np.int32)


def nearest_impostors_limit(layout: Layout, scorer: Scorer) -> int:
    """A key that about 1.5 `LISTED_PAIRS` of the impostor pairs do not exceed, from a sample."""
    last = scorer.origin + scorer.size - 1
    share = _SAMPLE_SLACK * LISTED_PAIRS / max(layout.impostor_pairs, 1)
    if share >= 1:
        return last
    rng = generator(Draw.LISTED_PAIRS, 0)  # how many are listed moves no figure
    size = min(math.isqrt(int(_SAMPLE_NEAREST / share)) + 1, _SAMPLE_ROWS, layout.images)
    rows, columns = (rng.choice(layout.images, size, replace=False) for _ in range(2))
    differ = layout.identity[rows][:, None] != layout.identity[columns]
    keys = scorer.keys(rows, columns)[differ]
    # Not fewer than the tenth nearest: the nearest of a sample alone say little.
    position = max(10, round(share * len(keys)))
    return int(np.partition(keys, position)[position]) if position < len(keys) else last


def _listed(keys: Int32, positions: Int64, block: Block) -> ListedPairs:
    """The pairs at these positions of a flat block."""
    row, column = np.divmod(positions.astype(np.int32), np.int32(block.right - block.left))
    return ListedPairs(keys.ravel()[positions], block.top + row, block.left + column)


def _sampled_positions(pairs: int, block: Block, step: int) -> Int64:
    """Every `step`-th place, from one on that depends on the block alone."""
    return np.arange((block.top * _STRIDE + block.left) % step, pairs, step)


def counted_by(
    counters: Sequence[GenuineCounter] | Sequence[ImpostorCounter], keys: KeyList | KeyTable
) -> list[Counted]:
    """What each counter found; the first is given what they have counted in, the others nothing."""
    first, *others = counters
    return [
        first.counted(keys.occurring()),
        *(counter.counted(KeyCounts.none()) for counter in others),
    ]


def merged_genuine(parts: Sequence[Counted]) -> Counted:
    """The genuine pairs of all parts."""
    return _merged(parts, np.maximum.reduce([part.by_row for part in parts]), farthest=True)


def merged_impostor(parts: Sequence[Counted]) -> Counted:
    """The impostor pairs of all parts."""
    return _merged(parts, np.add.reduce([part.by_row for part in parts]), farthest=False)


def _merged(parts: Sequence[Counted], by_row: Int64, *, farthest: bool) -> Counted:
    by_key = KeyCounts.summed([part.by_key for part in parts])
    tail = ListedPairs.joined([part.tail for part in parts])
    if len(tail) > TAIL_ROOM * LISTED_PAIRS:
        tail = tail.leading(LISTED_PAIRS, farthest=farthest)
    return Counted(by_key, by_row, tail, ListedPairs.joined([part.sampled for part in parts]))
