"""Distances of any images to any others, by the engine's arithmetic."""

import numpy as np

from components.evaluator.engine.arrays import Float32, Float64, Int64
from components.evaluator.engine.scorers import STEPS, CosineScorer, EuclideanScorer, Rows, Scorer
from components.evaluator.errors import EvaluationError

# Distances that a block holds at a time.
BLOCK_CELLS = 2**21


def make_scorer(embeddings: np.ndarray, distance: str, order: Int64) -> Scorer:
    """The engine's scorer of these images in this order.

    Args:
      embeddings: real [N, D].
      distance: `cosine`, 1 - cos in [0, 2], or `euclidean`, between the embeddings as given.
      order: int64 [R], the image in each row of the scorer; not all need be there.

    Raises:
      EvaluationError: an unknown distance, values that are not finite, or an embedding without
        direction (all zero) under cosine.
    """
    if distance not in ("cosine", "euclidean"):
        raise EvaluationError(f"The distance must be cosine or euclidean. Received: {distance!r}")
    values, rows = _finite(embeddings), np.arange(len(order))
    if distance == "euclidean":
        return EuclideanScorer(values[order], rows)
    return CosineScorer(_directed(values)[order], rows)


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
      EvaluationError: see `make_scorer`.
    """
    values = _finite(embeddings)
    values = normalised(values) if distance == "cosine" else values.astype(np.float64)
    distances = np.empty(len(first), np.float32)
    step = rows_at_a_time(values.shape[1])
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        left, right = values[first[part]], values[second[part]]
        if distance == "cosine":
            cosine = np.einsum("pd,pd->p", left, right)
            distances[part] = np.clip(np.rint((1 - cosine) * STEPS) / STEPS, 0, 2)
        else:
            distances[part] = np.linalg.norm(left - right, axis=1)
    return distances


def normalised(values: np.ndarray) -> Float64:
    """Each row divided by its length; float64 [N, D].

    Raises:
      EvaluationError: a row is zero.
    """
    rows = _directed(np.asarray(values)).astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _finite(embeddings: np.ndarray) -> np.ndarray:
    values = np.asarray(embeddings)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise EvaluationError(
            "The embeddings must be finite. Received: NaN or infinity in "
            f"{len(bad)} of {len(values)} rows, the first of them row {bad[0]}"
        )
    return values


def _directed(values: np.ndarray) -> np.ndarray:
    zero = np.flatnonzero(~values.any(axis=1))
    if len(zero):
        raise EvaluationError(
            "An embedding has a direction only if it is not zero. Received: "
            f"{len(zero)} zero rows of {len(values)}, the first of them row {zero[0]}"
        )
    return values
