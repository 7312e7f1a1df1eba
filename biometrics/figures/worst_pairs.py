"""The pairs of images that a model is most mistaken about."""

from dataclasses import dataclass

from biometrics.engine.pair_scores import PairScores
from biometrics.engine.sample import PairSample


@dataclass(frozen=True)
class ScoredPair:
    """Two images, by their index in the embeddings, and their distance."""

    first: int
    second: int
    distance: float


@dataclass(frozen=True)
class WorstPairs:
    """The mistakes a model comes nearest to, or makes.

    Attributes:
      false_accepts: the impostor pairs with the smallest distance, nearest first.
      false_rejects: the genuine pairs with the largest distance, farthest first.
    """

    false_accepts: tuple[ScoredPair, ...]
    false_rejects: tuple[ScoredPair, ...]


def find_worst_pairs(pairs: PairScores, count: int = 10) -> WorstPairs:
    """The `count` nearest impostor and farthest genuine pairs, or all where there are fewer.

    The scores keep the 2^16 most mistaken pairs of each kind; no more of them can be had.
    """
    return WorstPairs(
        false_accepts=_head(pairs.impostor_sample, count),
        false_rejects=_head(pairs.genuine_sample, count),
    )


def _head(sample: PairSample, count: int) -> tuple[ScoredPair, ...]:
    # Behind the tail the sample is a random one, in no order.
    head = slice(min(count, sample.tail))
    return tuple(
        ScoredPair(int(min(images)), int(max(images)), float(distance))
        for *images, distance in zip(
            sample.first[head], sample.second[head], sample.distance[head], strict=True
        )
    )
