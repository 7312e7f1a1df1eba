"""Distances of any images to any others, by the engine's arithmetic."""

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.inputs import check_directions, check_distance, check_embeddings
from biometrics.engine.scorers import STEPS, Rows, Scorer, euclidean_step
from biometrics.errors import EvaluationError

# Distances that a block holds at a time.
BLOCK_CELLS = 2**21
# What the length of an L2-normalised embedding may be off by, with room to spare.
_LENGTH_ROUNDING = 1e-6


def block_distances(scorer: Scorer, rows: Rows, columns: Rows) -> Float32:
    """Distances of each of the rows to each of the columns, float32 [R, C]."""
    return scorer.distances(scorer.keys(rows, columns))


def rows_at_a_time(columns: int) -> int:
    """How many rows a block of this many columns may have."""
    return max(1, BLOCK_CELLS // columns)


def listed_distances(embeddings: np.ndarray, distance: str, first: Int64, second: Int64) -> Float32:
    """The distance of image `first[i]` to image `second[i]` for each i, float32 [P].

    Cosine distances are rounded as the engine's are, so that equal embeddings tie.

    Raises:
      EvaluationError: see `inputs.make_scorer`.
    """
    values = _comparable(embeddings, distance)
    distances = np.empty(len(first), np.float32)
    step = rows_at_a_time(values.shape[1])
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        exact = _exact(values[first[part]], values[second[part]], distance)
        distances[part] = _cosine_rounded(exact) if distance == "cosine" else exact
    return distances


def distance_between(first: ArrayLike, second: ArrayLike, distance: str) -> float:
    """The distance of two embeddings, to be held against a threshold of the evaluation.

    It is computed in float64 and rounded to a multiple of the step that the engine rounds to: 2^-21
    for cosine. A Euclidean distance is the engine's to the last bit, if the step is: that depends
    on the longest embedding there is (`euclidean_step`). Of many L2-normalised embeddings rounding
    makes some a little longer than 1, so the step of such embeddings is taken to be 2^-20.

    A cosine distance is the engine's for some 95 of 100 pairs, and else one step off, seldom two.
    The engine takes float32 products of whole blocks, and the last bits of a product depend on
    where in its block a pair is. So the verdict is that of the evaluation, unless a pair is within
    two steps of the threshold: none is where the gap that the threshold is in the middle of has
    five steps or more.

    Args:
      first: real [D].
      second: real [D].
      distance: "cosine" or "euclidean".

    Returns:
      A float32 number; for "cosine" 1 - cos, in [0, 2], whatever the lengths.

    Raises:
      EvaluationError: an unknown distance, other shapes, values that are not finite, or an
        embedding without direction (all zero) under cosine.

    Example:
      >>> distance_between([3.0, 0.0], [0.0, 4.0], "cosine")
      1.0
      >>> distance_between([3.0, 0.0], [0.0, 4.0], "euclidean")
      5.0
    """
    if np.ndim(first) != 1 or np.shape(first) != np.shape(second):
        raise EvaluationError(
            "A distance is between two vectors of one length. "
            f"Received: shapes {np.shape(first)} and {np.shape(second)}"
        )
    both = np.stack([first, second])
    values = _comparable(both, distance)
    [exact] = _exact(values[:1], values[1:], distance)
    if distance == "cosine":
        return float(_cosine_rounded(exact))
    longest = float(np.linalg.norm(values, axis=1).max())
    return float(_rounded(exact, euclidean_step(longest * (1 + _LENGTH_ROUNDING))))


def _comparable(embeddings: ArrayLike, distance: str) -> Float64:
    """The embeddings, checked, of length 1 for cosine; float64 [N, D]."""
    check_distance(distance)
    values = check_embeddings(embeddings)
    return normalised(values) if distance == "cosine" else values.astype(np.float64)


def _exact(left: Float64, right: Float64, distance: str) -> Float64:
    """The distance of each row to the other's, float64 [P]; for cosine they are of length 1."""
    if distance == "cosine":
        return 1 - np.einsum("pd,pd->p", left, right)
    return np.linalg.norm(left - right, axis=1)


def _cosine_rounded(distance: Float64) -> Float64:
    """The nearest of the cosine distances that the engine gives."""
    return np.clip(_rounded(distance, 1 / STEPS), 0, 2)


def _rounded(distance: Float64, step: float) -> Float64:
    """The nearest multiples of a step, which is a power of two."""
    return np.rint(distance / step) * step


def normalised(values: np.ndarray) -> Float64:
    """Each row divided by its length; float64 [N, D].

    Raises:
      EvaluationError: a row is zero.
    """
    check_directions(values)
    rows = values.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
