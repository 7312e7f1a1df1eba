"""The pairs of images that a model is most mistaken about."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from components.evaluator.pairs import Float32, Int64, PairScores, score_pairs


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


def worst_pairs(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distance: str | ArrayLike = "cosine",
    count: int = 10,
) -> WorstPairs:
    """The `count` worst pairs of each kind; `find_worst_pairs` on the scores."""
    return find_worst_pairs(score_pairs(embeddings, labels, distance), count)


def find_worst_pairs(pairs: PairScores, count: int = 10) -> WorstPairs:
    """The `count` nearest impostor and farthest genuine pairs, or all where there are fewer."""
    nearest = _smallest(pairs.impostor, count)
    farthest = _smallest(-pairs.genuine, count)
    return WorstPairs(
        false_accepts=_scored(pairs, pairs.impostor_rows(nearest), pairs.impostor[nearest]),
        false_rejects=_scored(pairs, pairs.genuine_rows(farthest), pairs.genuine[farthest]),
    )


def _smallest(scores: Float32, count: int) -> Int64:
    count = min(count, len(scores))
    positions = np.sort(np.argpartition(scores, count - 1)[:count])
    return positions[np.argsort(scores[positions], kind="stable")]


def _scored(
    pairs: PairScores, rows: tuple[Int64, Int64], distances: Float32
) -> tuple[ScoredPair, ...]:
    images = np.sort(pairs.order[np.stack(rows)], axis=0)
    return tuple(
        ScoredPair(int(first), int(second), float(distance))
        for first, second, distance in zip(*images, distances, strict=True)
    )
