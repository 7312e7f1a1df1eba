"""The distances of all pairs of images, counted once for all the figures that need them.

Terms are those of ISO/IEC 19795-1: a *genuine* pair shows one person twice, an *impostor* pair two
people. Every pair (i, j) with i < j counts once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.evaluator.engine.arrays import Bool, Int64
from components.evaluator.engine.counting import Counted
from components.evaluator.engine.layout import Layout
from components.evaluator.engine.local import count_pairs
from components.evaluator.engine.sample import PairSample
from components.evaluator.engine.scorers import (
    MAX_DIMENSIONS,
    CosineScorer,
    EuclideanScorer,
    MatrixScorer,
    Scorer,
)
from components.evaluator.engine.scores import Scores
from components.evaluator.errors import EvaluationError
from components.evaluator.one_enrolled import OneEnrolled, search_one_enrolled

# Rows that are checked at a time.
_CHECKED_ROWS = 4096


@dataclass(frozen=True)
class PairScores:
    """All that is known of the pairs of a set of images.

    Attributes:
      genuine: distances of the genuine pairs.
      impostor: distances of the impostor pairs.
      identity: int64 [N], 0 .. K - 1, the person in each image.
      rank: int64 [N], of each image searching among all others (leave-one-out): 1 + the impostor
        images that are at most as far as its nearest mate; 0 for an image without a mate.
      genuine_sample: genuine pairs by their images, the farthest first.
      impostor_sample: impostor pairs by their images, the nearest first.
      layout: the images sorted by identity.
      scorer: gives the distances of any pairs once more.
    """

    genuine: Scores
    impostor: Scores
    identity: Int64
    rank: Int64
    genuine_sample: PairSample
    impostor_sample: PairSample
    layout: Layout | None = None
    scorer: Scorer | None = None

    @property
    def images(self) -> int:
        """N, the number of images."""
        return len(self.identity)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each identity, int64 [K]."""
        return np.bincount(self.identity)

    @property
    def has_mate(self) -> Bool:
        """Whether another image shows the same person, bool [N]."""
        return self.rank > 0

    @cached_property
    def one_enrolled(self) -> OneEnrolled:
        """Searches where the gallery holds a single image of each person."""
        return search_one_enrolled(self.layout, self.scorer)


def score_pairs(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distance: str | ArrayLike = "cosine",
    *,
    kernel: str | None = None,
    threads: int | None = None,
) -> PairScores:
    """Counts the distances of every pair of images once, for all the figures that need them.

    No distance is kept: memory does not grow with the number of pairs. A cosine distance is a
    float32 product, a Euclidean one a float64 product, rounded to a multiple of 2^-21 (of 2^-21 of
    the longest embedding), so that counting the distances that occur is as good as sorting all of
    them: every figure is exactly that of the sorted distances. A matrix is taken as float32.

    Args:
      embeddings: real [N, D]; not looked at when `distance` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distance: "cosine", 1 - cos, in [0, 2]; "euclidean", between the embeddings as given (on
        L2-normalised ones it is sqrt(2 * cosine distance)); or a symmetric real matrix [N, N].
      kernel: "numpy" or "numba" (the extra `fast`); None takes numba where it is installed and
        worth its loading. It changes the time only.
      threads: None means one for each core that this process may use. It changes the time only.

    Raises:
      EvaluationError: N < 2, shapes that do not fit, values that are not finite, an embedding
        without direction (all zero) under cosine, no genuine or no impostor pair.
    """
    layout, scorer = prepare_pairs(embeddings, labels, distance)
    genuine, impostor = count_pairs(layout, scorer, kernel=kernel, threads=threads)
    return pair_scores(layout, scorer, genuine, impostor)


def prepare_pairs(
    embeddings: ArrayLike | None, labels: ArrayLike, distance: str | ArrayLike
) -> tuple[Layout, Scorer]:
    """Checks what `score_pairs` is given, and sorts it by identity. Args and errors are its own."""
    layout = Layout.of(_checked_labels(labels))
    scorer = _scorer(embeddings, layout, distance)
    _check_pairs_exist(layout)
    return layout, scorer


def pair_scores(layout: Layout, scorer: Scorer, genuine: Counted, impostor: Counted) -> PairScores:
    """What was counted, by the images as they were given."""
    identity = np.empty(layout.images, np.int64)
    identity[layout.order] = layout.identity
    rank = np.empty(layout.images, np.int64)
    rank[layout.order] = np.where(layout.sizes[layout.identity] > 1, 1 + impostor.by_row, 0)
    return PairScores(
        genuine=_scores(genuine, scorer),
        impostor=_scores(impostor, scorer),
        identity=identity,
        rank=rank,
        genuine_sample=_sample(genuine, layout, scorer),
        impostor_sample=_sample(impostor, layout, scorer),
        layout=layout,
        scorer=scorer,
    )


def _scores(counted: Counted, scorer: Scorer) -> Scores:
    distances = scorer.distances(counted.keys + np.int32(scorer.origin))
    # Keys beyond the ends of the range have the distances of the ends.
    starts = np.flatnonzero(np.append(True, np.diff(distances) > 0))
    return Scores(distances[starts], np.add.reduceat(counted.counts, starts))


def _sample(counted: Counted, layout: Layout, scorer: Scorer) -> PairSample:
    tail, sampled = counted.tail, counted.sampled
    number = [pairs.first * layout.images + pairs.second for pairs in (tail, sampled)]
    rest = sampled.take(np.flatnonzero(~np.isin(number[1], number[0])))
    others = int(counted.counts.sum()) - len(tail)
    images = np.sort(
        [
            layout.order[np.concatenate([tail.first, rest.first])],
            layout.order[np.concatenate([tail.second, rest.second])],
        ],
        axis=0,
    )
    copies = np.ones(len(tail) + len(rest))
    copies[len(tail) :] = others / max(len(rest), 1)
    distances = scorer.distances(np.concatenate([tail.keys, rest.keys]))
    return PairSample(*images, distances, copies, len(tail))


def _scorer(embeddings: ArrayLike | None, layout: Layout, distance: str | ArrayLike) -> Scorer:
    if not isinstance(distance, str):
        return MatrixScorer(_checked_matrix(distance, layout.images), layout.order)
    if distance not in ("cosine", "euclidean"):
        raise EvaluationError(
            f"The distance must be cosine, euclidean or a square matrix. Received: {distance!r}"
        )
    values = _checked_embeddings(embeddings, layout.images)
    if distance == "euclidean":
        return EuclideanScorer(values, layout.order)
    _check_directions(values)
    return CosineScorer(values, layout.order)


def _checked_labels(labels: ArrayLike) -> NDArray[Any]:
    names = np.asarray(labels)
    if names.ndim != 1 or len(names) < 2:
        raise EvaluationError(
            "The evaluation needs one label for each of at least two images. "
            f"Received: labels of shape {names.shape}"
        )
    return names


def _checked_embeddings(embeddings: ArrayLike | None, images: int) -> NDArray[Any]:
    values = np.asarray(embeddings)
    if values.ndim != 2 or len(values) != images or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The embeddings must be numbers of shape [N, D] with N = {images} labels. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    if values.shape[1] > MAX_DIMENSIONS:
        raise EvaluationError(
            f"The embeddings must have at most {MAX_DIMENSIONS:,} dimensions. "
            f"Received: {values.shape[1]:,}"
        )
    _check_finite(values, "embeddings")
    return values


def _checked_matrix(matrix: ArrayLike, images: int) -> NDArray[Any]:
    values = np.asarray(matrix)
    if values.shape != (images, images) or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The distance matrix must hold numbers of shape [{images}, {images}], as many as "
            f"there are labels. Received: {values.dtype} of shape {values.shape}"
        )
    _check_finite(values, "distances")
    if not np.allclose(values, values.T):
        raise EvaluationError(
            "The distance matrix must be symmetric: a pair counts once. "
            f"Received: entries that differ by up to {np.abs(values - values.T).max():g}"
        )
    return values


def _check_finite(values: NDArray[Any], name: str) -> None:
    bad = _rows_where(lambda rows: ~np.isfinite(rows).all(axis=1), values)
    if len(bad):
        raise EvaluationError(
            f"The {name} must be finite. Received: NaN or infinity in {len(bad)} of "
            f"{len(values)} rows, the first of them row {bad[0]}"
        )


def _check_directions(values: NDArray[Any]) -> None:
    zero = _rows_where(lambda rows: ~rows.any(axis=1), values)
    if len(zero):
        raise EvaluationError(
            "The cosine distance needs embeddings that are not zero. Received: "
            f"{len(zero)} zero rows of {len(values)}, the first of them row {zero[0]}"
        )


def _rows_where(test: Callable[[NDArray[Any]], Bool], values: NDArray[Any]) -> Int64:
    """The rows that pass a test, without a temporary copy of all of them."""
    starts = range(0, len(values), _CHECKED_ROWS)
    return np.flatnonzero(
        np.concatenate([test(values[start : start + _CHECKED_ROWS]) for start in starts])
    )


def _check_pairs_exist(layout: Layout) -> None:
    if layout.sizes.max() < 2:
        raise EvaluationError(
            "FRR and Rank-N need a genuine pair: at least one person with two images. "
            f"Received: {layout.images} images of {len(layout.sizes)} people"
        )
    if len(layout.sizes) < 2:
        raise EvaluationError(
            "FAR and Rank-N need an impostor pair: images of at least two people. "
            f"Received: {layout.images} images of one person"
        )
