"""The nearest of many rows, exactly, by blocks and threads.

Blocks of scores are float32, and the last bits of a float32 product depend on where in its block a
pair is. So a scan keeps every row that may be among the nearest, by the slack of `Rows`, and what
is kept is compared again, by the arithmetic of the evaluation: equal embeddings tie, and the same
search gives the same answer whatever the blocks and threads.
"""

from collections.abc import Callable

import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.engine.distances import listed_distances
from biometrics.engine.threads import one_blas_thread, share, usable_cores
from serving.gallery.rows import BLAS_QUERIES, Rows

# Scores of a block: they fit into a core's cache.
_CELLS = 2**19
# Rows of a block: of a few queries, which read each row once, and of a batch by BLAS, which reads
# them again from the cache.
_ROWS = 2**15
_BLAS_ROWS = 2**13
_LEAST_ROWS = 2**8
# What is kept of a query beyond a few times what is wanted, before it is looked through.
_KEPT = 256


class _Best:
    """What of the rows that were seen may be among the nearest of a query."""

    def __init__(self, top: int, groups: Int64 | None, slack: float):
        self._top, self._groups, self._slack = top, groups, slack
        self._scores, self._rows = np.empty(0, np.float32), np.empty(0, np.int64)
        self._limit = 4 * top + _KEPT
        self.floor = np.float32(-np.inf)

    @property
    def rows(self) -> Int64:
        """Those that are kept, ascending."""
        self._prune()
        return np.sort(self._rows)

    def add(self, scores: Float32, rows: Int64) -> None:
        """Takes rows, and forgets those that are too far."""
        self._scores = np.concatenate([self._scores, scores])
        self._rows = np.concatenate([self._rows, rows])
        if len(self._rows) > self._limit:
            self._prune()
            self._limit = max(self._limit, 2 * len(self._rows))

    def join(self, other: "_Best") -> None:
        """Takes what another thread has kept."""
        self.add(other._scores, other._rows)

    def _prune(self) -> None:
        if not len(self._rows):
            return
        best, of_row = self._best_of_groups()
        if len(best) >= self._top:
            kth = np.partition(best, len(best) - self._top)[len(best) - self._top]
            self.floor = np.float32(kth - self._slack)
        kept = self._scores >= np.maximum(self.floor, of_row - np.float32(self._slack))
        self._scores, self._rows = self._scores[kept], self._rows[kept]

    def _best_of_groups(self) -> tuple[Float32, Float32]:
        """The best score of each group, and of the group of each row."""
        if self._groups is None:
            return self._scores, self._scores
        _, group = np.unique(self._groups[self._rows], return_inverse=True)
        best = np.full(group.max() + 1, -np.inf, np.float32)
        np.maximum.at(best, group, self._scores)
        return best, best[group]


class _Scan:
    """A thread's way through the blocks.

    Args:
      rows: that are searched.
      queries: float32 [Q, D].
      best: of each query.
      floors: float32 [Q], scores that all threads are beyond, as far as this is known.
    """

    def __init__(self, rows: Rows, queries: Float32, best: list[_Best], floors: Float32):
        self._rows, self._queries, self.best, self._floors = rows, queries, best, floors

    def look(self, block: slice) -> None:
        """Takes from a block what may be near."""
        scores = self._rows.scores(self._queries, block)
        queries, columns = np.nonzero(scores >= self._floors[:, np.newaxis])
        starts = np.flatnonzero(np.diff(queries, prepend=-1))
        for start, stop in zip(starts, np.append(starts, len(queries))[1:], strict=True):
            query, found = queries[start], columns[start:stop]
            best = self.best[query]
            best.add(scores[query, found], found + block.start)
            self._floors[query] = max(self._floors[query], best.floor)


def near_rows(rows: Rows, queries: Float32, top: int, groups: Int64 | None = None) -> list[Int64]:
    """All rows that may be among the nearest `top` of each query.

    Args:
      rows: that are searched.
      queries: float32 [Q, D], each of length 1.
      top: 1 or more.
      groups: int64 [N], to find the nearest `top` groups, by the nearest of their rows; None: rows.

    Returns:
      For each query the rows, int64, ascending: at least those that are wanted.
    """
    floors = np.full(len(queries), -np.inf, np.float32)
    scans = [
        _Scan(rows, queries, [_Best(top, groups, rows.slack) for _ in queries], floors)
        for _ in range(usable_cores())
    ]
    step = _rows_of_a_block(len(queries))
    blocks = (slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step))
    with one_blas_thread():
        share(blocks, [scan.look for scan in scans])
    first, *others = scans
    for scan in others:
        for best, more in zip(first.best, scan.best, strict=True):
            best.join(more)
    return [best.rows for best in first.best]


def _rows_of_a_block(queries: int) -> int:
    most = _ROWS if queries < BLAS_QUERIES else _BLAS_ROWS
    return min(most, max(_LEAST_ROWS, _CELLS // max(1, queries)))


def distances_to(query: Float32, vectors: Float32, distance: str) -> Float32:
    """The distance of a query, float32 [D], to each of N vectors, float32 [N, D]: float32 [N]."""
    if not len(vectors):
        return np.empty(0, np.float32)
    count = len(vectors)
    both = np.concatenate([query[np.newaxis], vectors])
    return listed_distances(both, distance, np.zeros(count, np.int64), np.arange(1, count + 1))


def nearest(
    near: Int64,
    distances: Float32,
    groups: Int64,
    top: int,
    name_of: Callable[[int], str],
) -> list[tuple[int, float]]:
    """The nearest row of each of the nearest groups: ascending by distance, name and row.

    Args:
      near: rows, ascending, see `near_rows`.
      distances: of each.
      groups: of each; the rows themselves where each is a group.
      top: how many groups at most.
      name_of: what a row is called, for those at one distance.
    """
    order = sorted(
        zip(near.tolist(), distances.tolist(), groups.tolist(), strict=True),
        key=lambda found: (found[1], name_of(found[0]), found[0]),
    )
    first: dict[int, tuple[int, float]] = {}
    for row, distance, group in order:
        first.setdefault(group, (row, distance))
    return list(first.values())[:top]
