"""Face verification and identification figures from embeddings, without TFX or TensorFlow.

A pair is accepted when its distance is at most the threshold, hence

    FAR(t) = |impostor <= t| / |impostor|        FRR(t) = |genuine > t| / |genuine|

(FAR and FRR are used for comparisons here, what ISO/IEC 19795-1 calls FMR and FNMR.) All figures
come from all pairs; nothing is binned or sampled. Distances are float32, so thresholds are compared
as float32 too.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float64
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.engine.scores import GenuineAndImpostor
from biometrics.errors import EvaluationError

# Differences of rates below this are rounding.
ROUNDING = 1e-12


def impostor_pairs_needed(far: float) -> int:
    """Impostor pairs below which a FAR is not supported: 3 / FAR.

    With fewer, even no false accept at all leaves the upper 95 % limit of the rate above the
    target (the rule of three, ISO/IEC 19795-1 B.1).
    """
    return math.ceil(3 / far - 1e-9)


def calculate_verification_metrics(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distances: str | ArrayLike = "cosine",
    thresholds: ArrayLike | None = None,
) -> dict[str, Any]:
    """FAR, FRR, EER and AUC over all pairs, exact.

    EER is where the two rates cross: the curve of (FAR, FRR) has a vertex for each distance
    (pairs that tie move together), and the crossing is interpolated linearly between the last
    vertex with FAR < FRR and the next. So identical embeddings give 0.5, perfectly separated ones
    0, and the order of tied pairs means nothing. It is the EER of scikit-learn's `roc_curve`
    interpolated; tools that take the mean of the rates at the nearest vertex differ by at most
    half a step.

    `EER_threshold` is where a system would be set: the nearer of those two vertices (the second
    where both are as near), in the middle of the gap to the next distance. FAR and FRR there are
    the true rates at that threshold, which differ from EER by a step where no threshold makes them
    equal.

    AUC is the probability that a genuine pair is nearer than an impostor pair, ties counted half
    (the Mann-Whitney statistic over the number of comparisons).

    Args:
      embeddings: real [N, D]; not looked at when `distances` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distances: "cosine", "euclidean" or a symmetric matrix [N, N]; see `score_pairs`.
      thresholds: distances [T] at which to give FAR and FRR, in any order; None means at
        `EER_threshold`. They are rounded to float32, as all distances are.

    Returns:
      `FAR`, `FRR`: in [0, 1], floats, or float64 [T] aligned with `thresholds`; `EER`, `AUC`:
      floats in [0, 1]; `EER_threshold`: a float, in the units of the distance.

    Raises:
      EvaluationError: see `score_pairs`; or a threshold is NaN.

    Example:
      >>> line = np.array([[0.0], [0.1], [1.0], [1.1]])
      >>> calculate_verification_metrics(line, ["a", "a", "b", "b"], "euclidean")["EER"]
      0.0
    """
    pairs = score_pairs(embeddings, labels, distances)
    metrics: dict[str, Any] = verification_metrics(pairs)
    if thresholds is not None:
        metrics["FAR"], metrics["FRR"] = error_rates(pairs, thresholds)
    return metrics


def error_rates(pairs: GenuineAndImpostor, distances: ArrayLike) -> tuple[Float64, Float64]:
    """FAR and FRR with the threshold at each distance, float64 of the shape of `distances`; exact.

    Raises:
      EvaluationError: a distance is NaN.
    """
    limits = np.asarray(distances, dtype=np.float32)
    if np.isnan(limits).any():
        raise EvaluationError(f"Thresholds must be numbers. Received: {distances!r}")
    genuine, impostor = pairs.genuine, pairs.impostor
    rejected = genuine.total - genuine.at_most(limits)
    return impostor.at_most(limits) / impostor.total, rejected / genuine.total


def verification_metrics(pairs: GenuineAndImpostor) -> dict[str, float]:
    """`calculate_verification_metrics` on pairs that are scored already.

    Example:
      >>> pairs = score_pairs([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"], "euclidean")
      >>> verification_metrics(pairs)
      {'FAR': 0.25, 'FRR': 0.0, 'EER': 0.2, 'EER_threshold': 1.5, 'AUC': 0.875}
    """
    crossing = _crossing_distance(pairs)
    below = np.nextafter(crossing, np.float32(-np.inf))
    far, frr = error_rates(pairs, [below, crossing])
    gap = far - frr
    share = -gap[0] / (gap[1] - gap[0])
    is_nearer = gap.sum() <= ROUNDING
    vertex = crossing if is_nearer else _nearest_distance(pairs, crossing, side="left")
    threshold = middle_of_gap(vertex, _nearest_distance(pairs, vertex, side="right"))
    far_there, frr_there = error_rates(pairs, threshold)
    return {
        "FAR": float(far_there),
        "FRR": float(frr_there),
        "EER": float(far[0] + share * (far[1] - far[0])),
        "EER_threshold": float(threshold),
        "AUC": _auc(pairs),
    }


def _crossing_distance(pairs: GenuineAndImpostor) -> np.float32:
    """The smallest distance at which FAR >= FRR; the largest always is such a one."""

    def far_reaches_frr(distance: np.float32) -> bool:
        far, frr = error_rates(pairs, distance)
        return bool(far >= frr)

    candidates: list[np.float32] = []
    for values in (pairs.genuine.values, pairs.impostor.values):
        position = bisect_left(values, True, key=far_reaches_frr)
        candidates.extend(values[position : position + 1])
    return min(candidates)


def _nearest_distance(
    pairs: GenuineAndImpostor, distance: np.float32, side: Literal["left", "right"]
) -> np.float32:
    """The distance next below ("left") or above ("right"); `distance` if there is none."""
    neighbours: list[np.float32] = []
    for values in (pairs.genuine.values, pairs.impostor.values):
        position = np.searchsorted(values, distance, side=side) - (side == "left")
        neighbours.extend(values[position : position + 1] if position >= 0 else [])
    if not neighbours:
        return distance
    return max(neighbours) if side == "left" else min(neighbours)


def middle_of_gap(distance: np.float32, following: np.float32) -> np.float32:
    """The threshold between a distance and the next: their middle, or the first if they touch."""
    middle = np.float32((float(distance) + float(following)) / 2)
    # Between neighbouring float32 values there is no middle, and rounding may go up.
    return middle if middle < following else distance


def _auc(pairs: GenuineAndImpostor) -> float:
    genuine, impostor = pairs.genuine, pairs.impostor
    # Twice the impostor pairs that are nearer, ties counted half. The sum is a float64: beyond 2^53
    # comparisons an int64 may overflow, and rounding is 1e-16 of it.
    nearer = np.add(*impostor.below_and_at_most(genuine.values))
    return 1 - float(genuine.counts @ nearer.astype(np.float64)) / (
        2 * genuine.total * impostor.total
    )


def true_accept_rate(pairs: GenuineAndImpostor, far: float) -> float:
    """The share of genuine pairs accepted at the largest threshold whose FAR is not above `far`.

    The strict convention: where ties or few pairs leave no threshold at exactly `far`, the next
    lower FAR is taken, never the nearest.
    """
    allowed = math.floor(far * pairs.impostor.total)
    if (allowed + 1) / pairs.impostor.total <= far:  # far * M was rounded down across an integer
        allowed += 1
    first_refused = pairs.impostor.nth(allowed)
    return float(pairs.genuine.below(first_refused) / pairs.genuine.total)


def calculate_identification_metrics(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distances: str | ArrayLike = "cosine",
    ranks: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Closed-set Rank-N by leave-one-out: each image searches among all others.

    A probe's rank is 1 + the number of impostor images that are at most as far as its nearest
    mate, so ties count against the model (pessimistic): a model that maps everybody to one point
    gets 0, not 1. A probe without another image of its person has no rank and is not counted.

    Args:
      embeddings: real [N, D]; not looked at when `distances` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distances: "cosine", "euclidean" or a symmetric matrix [N, N]; see `score_pairs`.
      ranks: positive integers.

    Returns:
      `Rank-1`, `Rank-5` ...: the share of probes of at most that rank, floats in [0, 1].

    Raises:
      EvaluationError: see `score_pairs`.
    """
    return rank_rates(score_pairs(embeddings, labels, distances), ranks)


def calculate_one_enrolled_rank1(
    embeddings: ArrayLike | None, labels: ArrayLike, distances: str | ArrayLike = "cosine"
) -> float:
    """Rank-1 where the gallery holds a single image of each person.

    Which image is enrolled is drawn for each person on its own, all others are probes, and the
    result is the expectation over all those galleries. It needs no simulation: given the enrolled
    mate, a probe is right when every other person's enrolled image is farther, and these draws
    are independent, so the probability is the product over people of the share of their images
    that are farther. The order of the images does not matter, and there is no seed. A tie counts
    against the model. People with one image are always enrolled and never probe.

    Args and errors are those of `calculate_identification_metrics`.

    Returns:
      The expected share of probes that find their person first, in [0, 1].
    """
    return one_enrolled_rate(score_pairs(embeddings, labels, distances))


def rank_rates(pairs: PairScores, ranks: Sequence[int]) -> dict[str, float]:
    """`calculate_identification_metrics` on pairs that are scored already."""
    found = pairs.rank[pairs.has_mate]
    return {f"Rank-{rank}": float(np.mean(found <= rank)) for rank in ranks}


def one_enrolled_rate(pairs: PairScores) -> float:
    """`calculate_one_enrolled_rank1` on pairs that are scored already."""
    searches = pairs.one_enrolled
    return float(np.average(searches.probability, weights=searches.weight))
