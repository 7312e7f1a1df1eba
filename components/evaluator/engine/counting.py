"""Goes through blocks of pairs and keeps what the figures need: counts, ranks and a few pairs.

Two passes: the strips give the genuine pairs, and with them the nearest mate of every image; then
every impostor pair is counted, and in the same block compared with the nearest mates of its row and
of its column. A rank is 1 + the impostor images at most as far as the nearest mate, so the whole
CMC is there without a search for the nearest images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from components.evaluator.engine.arrays import Int32, Int64
from components.evaluator.engine.layout import Block, Layout
from components.evaluator.engine.listed import ListedPairs, Tail
from components.evaluator.engine.scorers import Scorer
from components.evaluator.engine.tables import TablePool

# Pairs of a kind that are listed one by one: the most mistaken ones, and as many others or more.
LISTED_PAIRS = 2**16
NO_MATE = np.iinfo(np.int32).max
# Rows and columns of the sample that says how near the nearest impostor pairs are.
_SAMPLE_ROWS, _SAMPLE_COLUMNS = 256, 1024
# What the sample may be wrong by: so many more pairs than wanted are looked at.
_SAMPLE_SLACK = 1.5
# Keeps the sampled positions of neighbouring blocks apart; a prime.
_STRIDE = 7919


@dataclass(frozen=True)
class Counted:
    """What some blocks gave; parts of it add up to the same whatever the division.

    Attributes:
      keys: int32 [V], the keys that occur, ascending, less the scorer's origin.
      counts: int64 [V], the pairs of each.
      by_row: int64 [N]: of genuine pairs the key of the nearest mate (`NO_MATE`: none), of impostor
        pairs the number at most as far as the nearest mate.
      tail: the most mistaken pairs among others, in no order; merged: themselves, in order.
      sampled: pairs at regular places of the blocks.
    """

    keys: Int32
    counts: Int64
    by_row: Int64
    tail: ListedPairs
    sampled: ListedPairs


class GenuineCounter:
    """Counts the genuine pairs of strips, and finds everybody's nearest mate.

    Args:
      layout: of the rows.
      scorer: of their distances.
      tables: to count in; shared by the counters of several threads.
    """

    def __init__(self, layout: Layout, scorer: Scorer, tables: TablePool):
        self._layout = layout
        self._scorer = scorer
        self._tables = tables
        self._nearest = np.full(layout.images, NO_MATE, np.int64)
        self._tail = Tail(LISTED_PAIRS, scorer.origin, farthest=True)
        self._step = max(1, layout.genuine_pairs // LISTED_PAIRS)
        self._sampled: list[ListedPairs] = []

    def add(self, block: Block) -> int:
        """Counts the genuine pairs of a block of `Layout.strips`; gives their number."""
        keys = self._scorer.keys(block.rows, block.columns)
        row = np.arange(block.top, block.bottom)[:, None]
        column = np.arange(block.left, block.right)
        is_genuine = (column > row) & (column < self._layout.end[row])
        self._find_nearest(block, np.where(is_genuine, keys, NO_MATE))
        genuine = _listed(keys, np.flatnonzero(is_genuine), block)
        with self._tables.take() as table:
            table.reserve(len(genuine))
            index = genuine.keys.astype(np.intp) - self._scorer.origin
            np.add.at(table.high, index, np.uint32(1))
        self._tail.add(genuine.take(np.flatnonzero(genuine.keys >= self._tail.limit)))
        self._sampled.append(genuine.take(_sampled_positions(len(genuine), block, self._step)))
        return len(genuine)

    def _find_nearest(self, block: Block, keys: Int32) -> None:
        for rows, axis in ((block.rows, 1), (block.columns, 0)):
            np.minimum(self._nearest[rows], keys.min(axis=axis), out=self._nearest[rows])

    def counted(self, keys: Int32, counts: Int64) -> Counted:
        """What was found so far; `keys` and `counts` are what the tables give, or nothing."""
        sampled = ListedPairs.joined(self._sampled)
        return Counted(keys, counts, self._nearest, self._tail.pairs(), sampled)


class ImpostorCounter:
    """Counts impostor pairs, and those that come before the nearest mate of their images.

    Args:
      layout: of the rows.
      scorer: of their distances.
      tables: to count in; shared by the counters of several threads.
      nearest_mates: int64 [N], `Counted.by_row` of the genuine pairs.
      tail_limit: see `nearest_impostors_limit`.
      kernel: the module `kernels` or `numba_kernels`.
    """

    def __init__(
        self,
        layout: Layout,
        scorer: Scorer,
        tables: TablePool,
        *,
        nearest_mates: Int64,
        tail_limit: int,
        kernel: ModuleType,
    ):
        self._layout = layout
        self._scorer = scorer
        self._kernel = kernel
        self._workspace = np.empty(layout.largest_block, np.float32)
        self._tables = tables
        has_mate = nearest_mates != NO_MATE
        reachable = scorer.largest_equal(np.where(has_mate, nearest_mates, scorer.origin))
        self._limits = np.where(has_mate, reachable, scorer.origin - 1).astype(np.int32)
        self._before_mate = np.zeros(layout.images, np.int64)
        self._tail = Tail(LISTED_PAIRS, tail_limit)
        self._step = max(1, layout.impostor_pairs // LISTED_PAIRS)
        self._sampled: list[ListedPairs] = []

    def add(self, block: Block) -> int:
        """Counts the impostor pairs of any block of the layout; gives their number."""
        keys = self._scorer.keys(block.rows, block.columns, self._workspace)
        not_counted = self._scorer.origin + self._scorer.size
        pairs = keys.size
        end = self._layout.end[block.rows]
        if end[-1] > block.left:
            is_left_out = np.arange(block.left, block.right) < end[:, None]
            keys[is_left_out] = not_counted
            pairs -= np.count_nonzero(is_left_out)
        found = self._count(block, keys)
        if len(found):
            self._tail.add(_listed(keys, found, block))
        sample = _listed(keys, _sampled_positions(keys.size, block, self._step), block)
        self._sampled.append(sample.take(np.flatnonzero(sample.keys != not_counted)))
        return pairs

    def _count(self, block: Block, keys: Int32) -> Int64:
        with self._tables.take() as table:
            table.reserve(keys.size)
            return self._kernel.count_block(
                keys,
                table,
                origin=self._scorer.origin,
                row_limits=self._limits[block.rows],
                column_limits=self._limits[block.columns],
                row_ranks=self._before_mate[block.rows],
                column_ranks=self._before_mate[block.columns],
                tail_limit=self._tail.limit,
            )

    def counted(self, keys: Int32, counts: Int64) -> Counted:
        """What was found so far; `keys` and `counts` are what the tables give, or nothing."""
        sampled = ListedPairs.joined(self._sampled)
        return Counted(keys, counts, self._before_mate, self._tail.pairs(), sampled)


def nearest_impostors_limit(layout: Layout, scorer: Scorer) -> int:
    """A key that about 1.5 `LISTED_PAIRS` of the impostor pairs do not exceed, from a sample."""
    last = scorer.origin + scorer.size - 1
    share = _SAMPLE_SLACK * LISTED_PAIRS / max(layout.impostor_pairs, 1)
    if share >= 1:
        return last
    rng = np.random.default_rng(0)
    rows = rng.choice(layout.images, min(_SAMPLE_ROWS, layout.images), replace=False)
    columns = rng.choice(layout.images, min(_SAMPLE_COLUMNS, layout.images), replace=False)
    differ = layout.identity[rows][:, None] != layout.identity[columns]
    keys = scorer.keys(rows, columns)[differ]
    # Not fewer than the tenth nearest: the nearest of a sample alone say little.
    position = max(10, round(share * len(keys)))
    return int(np.partition(keys, position)[position]) if position < len(keys) else last


def _listed(keys: Int32, positions: Int64, block: Block) -> ListedPairs:
    """The pairs at these positions of a flat block."""
    row, column = np.divmod(positions, block.right - block.left)
    return ListedPairs(keys.ravel()[positions], block.top + row, block.left + column)


def _sampled_positions(pairs: int, block: Block, step: int) -> Int64:
    """Every `step`-th place, from one on that depends on the block alone."""
    return np.arange((block.top * _STRIDE + block.left) % step, pairs, step)


def merged_genuine(parts: Sequence[Counted]) -> Counted:
    """The genuine pairs of all parts."""
    return _merged(parts, np.minimum.reduce([part.by_row for part in parts]), farthest=True)


def merged_impostor(parts: Sequence[Counted]) -> Counted:
    """The impostor pairs of all parts."""
    return _merged(parts, np.add.reduce([part.by_row for part in parts]), farthest=False)


def _merged(parts: Sequence[Counted], by_row: Int64, *, farthest: bool) -> Counted:
    keys, counts = _summed([part for part in parts if len(part.keys)])
    tail = ListedPairs.joined([part.tail for part in parts])
    sampled = ListedPairs.joined([part.sampled for part in parts])
    return Counted(keys, counts, by_row, tail.leading(LISTED_PAIRS, farthest=farthest), sampled)


def _summed(parts: Sequence[Counted]) -> tuple[Int32, Int64]:
    if len(parts) == 1:
        return parts[0].keys, parts[0].counts
    keys, position = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, position, np.concatenate([part.counts for part in parts]))
    return keys, counts
