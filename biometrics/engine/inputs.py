"""What is given to the evaluator, checked before anything is counted."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biometrics.arrays import Bool, Int64
from biometrics.engine.layout import Layout
from biometrics.engine.scorers import (
    MAX_DIMENSIONS,
    CosineScorer,
    EuclideanScorer,
    MatrixScorer,
    Scorer,
)
from biometrics.engine.threads import share, usable_cores
from biometrics.errors import EvaluationError

# Rows that are checked at a time.
_CHECKED_ROWS = 256


def make_layout(labels: ArrayLike) -> Layout:
    """Sorts images by person.

    Raises:
      EvaluationError: there are fewer than two images.
    """
    names = np.asarray(labels)
    if names.ndim != 1 or len(names) < 2:
        raise EvaluationError(
            "The evaluation needs one label for each of at least two images. "
            f"Received: labels of shape {names.shape}"
        )
    return Layout.of(names)


def check_pairs_exist(layout: Layout) -> None:
    """Checks that error rates are defined.

    Raises:
      EvaluationError: there is no genuine or no impostor pair.
    """
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


def make_scorer(embeddings: ArrayLike | None, order: Int64, distance: str | ArrayLike) -> Scorer:
    """The scorer of some images in some order.

    Args:
      embeddings: real [N, D]; not looked at when `distance` is a matrix.
      order: int64 [R], the image in each row of the scorer.
      distance: "cosine", "euclidean" or a symmetric real matrix [N, N].

    Raises:
      EvaluationError: an unknown distance, shapes that do not fit, values that are not finite, or
        an embedding without direction (all zero) under cosine.
    """
    if not isinstance(distance, str):
        return MatrixScorer(_checked_matrix(distance, len(order)), order)
    check_distance(distance)
    values = check_embeddings(embeddings)
    if distance == "euclidean":
        return EuclideanScorer(values, order)
    check_directions(values)
    return CosineScorer(values, order)


def check_distance(distance: str) -> None:
    """Checks the name of a distance.

    Raises:
      EvaluationError: it is neither "cosine" nor "euclidean".
    """
    if distance not in ("cosine", "euclidean"):
        raise EvaluationError(
            f"The distance must be cosine, euclidean or a square matrix. Received: {distance!r}"
        )


def check_embeddings(embeddings: ArrayLike | None) -> NDArray[Any]:
    """The embeddings as an array [N, D].

    Raises:
      EvaluationError: they are no numbers of that shape, or not finite.
    """
    values = np.asarray(embeddings)
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise EvaluationError(
            "The embeddings must be numbers of shape [N, D]. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    if values.shape[1] > MAX_DIMENSIONS:
        raise EvaluationError(
            f"The embeddings must have at most {MAX_DIMENSIONS:,} dimensions. "
            f"Received: {values.shape[1]:,}"
        )
    _check_finite(values, "embeddings")
    return values


def check_directions(embeddings: NDArray[Any]) -> None:
    """Checks that a cosine is defined.

    Raises:
      EvaluationError: an embedding is zero.
    """
    zero = np.flatnonzero(~embeddings[:, :1].any(axis=1))  # few begin with 0
    zero = zero[~embeddings[zero].any(axis=1)]
    if len(zero):
        raise EvaluationError(
            "The cosine distance needs embeddings that are not zero. Received: "
            f"{len(zero)} zero rows of {len(embeddings)}, the first of them row {zero[0]}"
        )


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


def _rows_where(test: Callable[[NDArray[Any]], Bool], values: NDArray[Any]) -> Int64:
    """The rows that pass a test, without a temporary copy of all of them."""
    passes = np.zeros(len(values), bool)

    def look(start: int) -> None:
        rows = slice(start, start + _CHECKED_ROWS)
        passes[rows] = test(values[rows])

    share(range(0, len(values), _CHECKED_ROWS), [look] * usable_cores())
    return np.flatnonzero(passes)
