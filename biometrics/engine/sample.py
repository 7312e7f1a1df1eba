"""A bounded number of pairs that stands for all of them."""

from dataclasses import dataclass
from typing import Protocol

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.scores import GenuineAndImpostor


@dataclass(frozen=True)
class PairSample:
    """Pairs of one kind: the most mistaken ones, all of them, then a sample of the rest.

    The sample is taken at regular places among all pairs, and does not depend on any seed.

    Where there are few pairs it holds every one of them, once.

    Attributes:
      first: int64 [S], an image of each pair, by its index in the embeddings.
      second: int64 [S], the other one.
      distance: float32 [S]. The first `tail` are sorted from the most mistaken on: the nearest of
        the impostor pairs, the farthest of the genuine ones.
      copies: float64 [S], how many pairs each one stands for; 1 in the tail.
      tail: how many of them are the most mistaken ones.
    """

    first: Int64
    second: Int64
    distance: Float32
    copies: Float64
    tail: int


class SampledPairs(GenuineAndImpostor, Protocol):
    """The scores of both kinds of pairs, and samples of the pairs by their people."""

    @property
    def genuine_sample(self) -> PairSample:
        """Of the genuine pairs."""

    @property
    def impostor_sample(self) -> PairSample:
        """Of the impostor pairs."""

    @property
    def identity(self) -> Int64:
        """0 .. K - 1, the person in each image, int64 [N]."""

    @property
    def sizes(self) -> Int64:
        """Images of each person, int64 [K]."""
