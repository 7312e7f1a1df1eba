"""Where the genuine pairs lie once the images are sorted by identity, and the blocks of all pairs.

Sorting puts the mates of row `i` in rows `first[i]` to `end[i] - 1`. So the genuine pairs lie in
strips along the diagonal, squares of some people each, and everything beside them is impostor pairs
only: no mask is needed there, and that is nearly everything.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Int32, Int64

# Rows and columns of a block, at most. The product of larger ones is no faster, and is counted
# fastest while the cache has it.
BLOCK = 1280
# Strips are smaller, since half of what they hold is thrown away, but not so small that there are
# very many.
STRIP = 256


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
        names = np.asarray(labels)
        order = np.argsort(names, kind="stable")
        is_another = names[order[1:]] != names[order[:-1]]
        return cls(order, np.append(0, np.cumsum(is_another)))

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
        return self.end - self.sizes[self.identity]

    @cached_property
    def end(self) -> Int64:
        """One past the last row of the identity of each row, int64 [N]."""
        return np.cumsum(self.sizes)[self.identity]

    @property
    def genuine_pairs(self) -> int:
        """Pairs (i, j > i) of one identity."""
        return int((self.sizes * (self.sizes - 1) // 2).sum())

    @property
    def impostor_pairs(self) -> int:
        """Pairs (i, j > i) of two identities."""
        return self.images * (self.images - 1) // 2 - self.genuine_pairs

    @property
    def strip_pairs(self) -> int:
        """Pairs of either kind in the strips."""
        images = np.diff(self._strip_edges)
        return int((images * (images - 1) // 2).sum())

    @property
    def largest_block(self) -> int:
        """Pairs in a block, at most."""
        return min(BLOCK, self.images) ** 2

    def strips(self) -> Iterator[Block]:
        """Squares along the diagonal that hold all images of some people, so all genuine pairs.

        A strip that holds several people is no larger than a block.
        """
        for start, end in pairwise(self._strip_edges):
            yield Block(start, end, start, end)

    def blocks(self) -> Iterator[Block]:
        """Blocks of impostor pairs only: all that are not in the strips.

        The large ones come first: threads that share them end at nearly the same time.
        """
        halved = deque([self._strip_edges])
        while halved:
            edges = halved.popleft()
            if len(edges) > 2:
                middle = len(edges) // 2
                yield from tiles(Block(edges[0], edges[middle], edges[middle], edges[-1]))
                halved += [edges[: middle + 1], edges[middle:]]

    def genuine_in(self, block: Block) -> tuple[Int32, Int32]:
        """The rows of the genuine pairs in a part of a strip: int32 [P] the lesser, the greater."""
        row = np.arange(block.top, block.bottom, dtype=np.int32)
        start = np.maximum(row + 1, block.left)
        mates = np.maximum(np.minimum(self.end[row], block.right) - start, 0)
        position = np.arange(mates.sum(), dtype=np.int32)
        position -= np.repeat((np.cumsum(mates) - mates).astype(np.int32), mates)
        return np.repeat(row, mates), np.repeat(start, mates) + position

    @cached_property
    def _strip_edges(self) -> list[int]:
        """The first row of each strip, and N. A strip is some people, or one with many images."""
        ends = np.append(0, np.cumsum(self.sizes))
        edges = [0]
        while edges[-1] < self.images:
            fitting = ends[np.searchsorted(ends, edges[-1] + STRIP, side="right") - 1]
            edges.append(int(max(fitting, self.end[edges[-1]])))
        return edges


def tiles(block: Block) -> Iterator[Block]:
    """A block of any size in parts that are not too large; of a strip those above the diagonal."""
    for top, bottom in _parts(block.top, block.bottom, BLOCK):
        for left, right in _parts(max(top, block.left), block.right, BLOCK):
            yield Block(top, bottom, left, right)


def _parts(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """A range in parts of about the same length."""
    number = -(-(end - start) // longest)
    return pairwise(start + (end - start) * part // number for part in range(number + 1))
