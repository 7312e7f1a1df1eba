"""Distances of any images to any others, by the engine's arithmetic."""

import numpy as np

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.inputs import check_directions, check_embeddings
from biometrics.engine.scorers import STEPS, Rows, Scorer

# Distances that a block holds at a time.
BLOCK_CELLS = 2**21


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
    values = check_embeddings(embeddings)
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


def distance_between(first: np.ndarray, second: np.ndarray, distance: str) -> float:
    """The distance of two embeddings, [D] each, rounded as the engine's are.

    Raises:
      EvaluationError: see `inputs.make_scorer`.
    """
    pair = np.stack([first, second])
    return float(listed_distances(pair, distance, np.array([0]), np.array([1]))[0])


def normalised(values: np.ndarray) -> Float64:
    """Each row divided by its length; float64 [N, D].

    Raises:
      EvaluationError: a row is zero.
    """
    check_directions(values)
    rows = values.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
