"""The distances of many pairs, as a count of each distance that occurs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float32, Float64, Int64


@dataclass(frozen=True)
class Scores:
    """The distances of all pairs of one kind, sorted, with equal ones counted together.

    It answers what a sorted array of all of them would, in the memory of the distinct ones.

    Attributes:
      values: float32 [V], the distances that occur, ascending, each once.
      counts: int64 [V], the pairs at each of them, 1 or more.
    """

    values: Float32
    counts: Int64

    @classmethod
    def of(cls, distances: ArrayLike) -> "Scores":
        """Counts distances that are there as an array; they are rounded to float32."""
        values, counts = np.unique(np.asarray(distances, np.float32), return_counts=True)
        return cls(values, counts.astype(np.int64))

    @cached_property
    def cumulative(self) -> Int64:
        """int64 [V + 1]: the pairs nearer than each value, and last the number of all."""
        cumulative = np.zeros(len(self.counts) + 1, np.int64)
        np.cumsum(self.counts, out=cumulative[1:])
        return cumulative

    @property
    def total(self) -> int:
        """The number of pairs."""
        return int(self.cumulative[-1])

    def at_most(self, limits: ArrayLike) -> Int64:
        """How many pairs have a distance at or below each limit, int64 of the shape of `limits`."""
        return self.cumulative[
            np.searchsorted(self.values, np.asarray(limits, np.float32), "right")
        ]

    def below(self, limits: ArrayLike) -> Int64:
        """How many pairs have a distance below each limit, int64 of the shape of `limits`."""
        return self.cumulative[np.searchsorted(self.values, np.asarray(limits, np.float32), "left")]

    def below_and_at_most(self, limits: ArrayLike) -> tuple[Int64, Int64]:
        """`below` and `at_most` by a single search."""
        limits = np.asarray(limits, np.float32)
        position = np.searchsorted(self.values, limits, side="left")
        occurs = self.values[np.minimum(position, len(self.values) - 1)] == limits
        return self.cumulative[position], self.cumulative[position + occurs]

    def nth(self, positions: ArrayLike) -> Float32:
        """The distances at these positions, 0 .. total - 1, of the sorted array of all of them."""
        return self.values[np.searchsorted(self.cumulative, positions, side="right") - 1]

    def histogram(self, edges: Float64) -> Int64:
        """Pairs between neighbouring edges, int64 [B]; as `numpy.histogram` of all distances."""
        return np.histogram(self.values, edges, weights=self.counts)[0].astype(np.int64)


class GenuineAndImpostor(Protocol):
    """The distances of both kinds of trials: what the rates at a threshold are made of."""

    @property
    def genuine(self) -> Scores:
        """Of the pairs, or searches, that should be accepted."""

    @property
    def impostor(self) -> Scores:
        """Of those that should not."""
