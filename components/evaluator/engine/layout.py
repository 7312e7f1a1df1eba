"""Where the genuine pairs lie once the images are sorted by identity, and the blocks of all pairs.

Sorting puts the mates of row `i` in rows `first[i]` to `end[i] - 1`. So the genuine pairs lie in
strips along the diagonal, a few rows high, and everything right of a strip is impostor pairs only:
no mask is needed there, and that is nearly everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from components.evaluator.engine.arrays import Int64

# A block's product is fastest at some hundred rows; the strips are lower, since most of what they
# hold is thrown away.
BLOCK_ROWS = 1024
BLOCK_COLUMNS = 4096
STRIP_ROWS = 128


class Block(NamedTuple):
    """Rows `top` to `bottom - 1` and columns `left` to `right - 1` of the matrix of all pairs."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.left, self.right)


@dataclass(frozen=True)
class Layout:
    """Images in the order of their identities.

    Attributes:
      order: int64 [N], the image in each row.
      identity: int64 [N], 0 .. K - 1 by row, ascending.
    """

    order: Int64
    identity: Int64

    @classmethod
    def of(cls, labels: ArrayLike) -> "Layout":
        """Sorts by label; images of one person stay in their order."""
        identity = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
        order = np.argsort(identity, kind="stable")
        return cls(order, identity[order])

    @property
    def images(self) -> int:
        """N, the number of rows."""
        return len(self.order)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each identity, int64 [K]."""
        return np.bincount(self.identity)

    @cached_property
    def first(self) -> Int64:
        """The first row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="left")

    @cached_property
    def end(self) -> Int64:
        """One past the last row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="right")

    @property
    def genuine_pairs(self) -> int:
        """Pairs (i, j > i) of one identity."""
        return int((self.sizes * (self.sizes - 1) // 2).sum())

    @property
    def impostor_pairs(self) -> int:
        """Pairs (i, j > i) of two identities."""
        return self.images * (self.images - 1) // 2 - self.genuine_pairs

    @property
    def largest_block(self) -> int:
        """Pairs in a block, at most."""
        return min(BLOCK_ROWS, self.images) * min(BLOCK_COLUMNS, self.images)

    def strips(self) -> Iterator[Block]:
        """Blocks along the diagonal that hold all genuine pairs, and some impostor pairs."""
        for top in range(0, self.images, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, self.images)
            yield from _across(top, bottom, top, int(self.end[bottom - 1]))

    def blocks(self) -> Iterator[Block]:
        """Blocks that hold every pair once: those of impostor pairs only, then the strips."""
        yield from self._impostor_blocks()
        yield from self.strips()

    def _impostor_blocks(self) -> Iterator[Block]:
        for top in range(0, self.images, BLOCK_ROWS):
            bottom = min(top + BLOCK_ROWS, self.images)
            right_of_block = int(self.end[bottom - 1])
            yield from _across(top, bottom, right_of_block, self.images)
            for strip_top in range(top, bottom, STRIP_ROWS):
                strip_bottom = min(strip_top + STRIP_ROWS, bottom)
                right_of_strip = int(self.end[strip_bottom - 1])
                yield from _across(strip_top, strip_bottom, right_of_strip, right_of_block)


def _across(top: int, bottom: int, left: int, right: int) -> Iterator[Block]:
    for start in range(left, right, BLOCK_COLUMNS):
        yield Block(top, bottom, start, min(start + BLOCK_COLUMNS, right))
