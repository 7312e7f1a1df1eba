"""What an evaluation protocol gets, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.intervals.rates import BOOTSTRAP
from groundfloor.draws import Draw, rank


@dataclass(frozen=True)
class TestNames:
    """What is known of the test images before a model has seen them.

    Attributes:
      identities: the person in each image, N of them.
      keys: the name of each image, unique, N of them.

    Raises:
      EvaluationError: the two do not have the same length, there are fewer than two images, or a
        key occurs twice.
    """

    __test__ = False  # it is no test of pytest's

    identities: Sequence[str]
    keys: Sequence[str]

    def __post_init__(self) -> None:
        lengths = (len(self.identities), len(self.keys))
        if len(set(lengths)) > 1 or lengths[0] < 2:
            raise EvaluationError(
                "A protocol needs an identity and a key for each of at least two images. "
                f"Received: {lengths[0]} and {lengths[1]}"
            )
        if len(set(self.keys)) < len(self.keys):
            raise EvaluationError(
                "The keys must be unique. "
                f"Received: {len(self.keys)} keys, {len(set(self.keys))} of them different"
            )

    @cached_property
    def identity(self) -> Int64:
        """0 .. K - 1, the person in each image, by the order of the names; int64 [N]."""
        return np.unique(np.asarray(self.identities), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each person, int64 [K]."""
        return np.bincount(self.identity)

    def turns(self, draw: Draw, seed: int) -> Int64:
        """The place of each image in a random order of its person's images; int64 [N], 0 based.

        The order is that of the keys' hashes: another seed gives another, and the order of the
        images in the test set does not matter.
        """
        order = hash_order(draw, seed, self.keys)
        by_person = order[np.argsort(self.identity[order], kind="stable")]
        first = np.cumsum(self.sizes) - self.sizes
        turns = np.empty(len(order), np.int64)
        turns[by_person] = np.arange(len(order)) - np.repeat(first, self.sizes)
        return turns


@dataclass(frozen=True)
class TestSet(TestNames):
    """The images that a model is measured on, embedded.

    Attributes:
      embeddings: float32 [N, D].
      scored: the scores of all pairs, where somebody has them already.

    Raises:
      EvaluationError: as `TestNames`, or there is another number of embeddings.
    """

    embeddings: Float32
    scored: PairScores | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.embeddings) != len(self.keys):
            raise EvaluationError(
                "A protocol needs an embedding of each image. "
                f"Received: {len(self.embeddings)} for {len(self.keys)} images"
            )

    def pairs(self, distance: str) -> PairScores:
        """The scores of all pairs; computed unless they are there already."""
        if self.scored is not None:
            return self.scored
        return score_pairs(self.embeddings, self.identities, distance)


def hash_order(draw: Draw, seed: int, names: Sequence[str]) -> Int64:
    """Positions of the names in the random order of a draw; int64 [N]."""
    ranks = [rank(draw, seed, name) for name in names]
    return np.array(sorted(range(len(names)), key=ranks.__getitem__), np.int64)


@dataclass(frozen=True)
class ProtocolSettings:
    """What all protocols of one evaluation share.

    Attributes:
      distance: `cosine` or `euclidean`.
      target_fars: the FARs, or FPIRs of searches, at which rates are wanted.
      ranks: the N of Rank-N.
      seed: of the choice of images and people, and of the resampling behind the intervals.
      read: gives the content of a text file by its path, for protocols that have one.
      intervals: `bootstrap` or `clopper_pearson`; see `Rate.interval`.
    """

    distance: str
    target_fars: Sequence[float]
    ranks: Sequence[int]
    seed: int
    read: Callable[[str], str]
    intervals: str = BOOTSTRAP


@dataclass(frozen=True)
class ProtocolResult:
    """What a protocol found.

    Attributes:
      description: one sentence on what was compared with what.
      figures: key -> number.
      counts: what was counted -> how many.
      intervals: key -> [low, high], 95 %, for the figures that have one.
      unsupported: key -> the trials it would need; such a key has no figure.
      curves: name -> column -> values; the columns of a curve are equally long.
      remarks: what a reader of the figures has to know, a sentence each.
    """

    description: str
    figures: Mapping[str, float]
    counts: Mapping[str, int]
    intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unsupported: Mapping[str, int] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The protocol's part of metrics.json: all but the curves, as plain Python values."""
        return {
            "description": self.description,
            "figures": {key: float(value) for key, value in self.figures.items()},
            "intervals": {
                key: [float(end) for end in ends] for key, ends in self.intervals.items()
            },
            "counts": {key: int(count) for key, count in self.counts.items()},
            "unsupported": {key: int(needed) for key, needed in self.unsupported.items()},
            "remarks": list(self.remarks),
        }


class EvaluationProtocol(Protocol):
    """A way to make comparisons or searches of a test set. Its options are its fields."""

    def plan(self, names: "TestNames", settings: ProtocolSettings) -> Any:
        """What is to be compared with what; no embedding is needed for it.

        Raises:
          EvaluationError: the protocol is undefined on these images, or its file is no use.
        """
        ...

    def run(self, test: TestSet, settings: ProtocolSettings) -> ProtocolResult:
        """Measures the test set.

        Raises:
          EvaluationError: the protocol is undefined on this test set.
        """
        ...
