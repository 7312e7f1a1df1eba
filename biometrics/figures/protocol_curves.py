"""Curves of a bounded number of points; each point is exact."""

import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.figures.metrics import error_rates
from biometrics.figures.trials import TrialScores

MOST_POINTS = 1000


def cmc(rank: Int64) -> dict[str, np.ndarray]:
    """The cumulative match characteristic, from rank 1 to the rank at which all are found.

    Args:
      rank: int64 [P], the rank of the mate in each mated search, 1 or more.

    Returns:
      `rank`: int64 [R]; `rate`: float64 [R], the share of searches of at most that rank.
    """
    found = np.cumsum(np.bincount(rank)) / len(rank)
    ranks = 1 + _spread(len(found) - 1, MOST_POINTS)
    return {"rank": ranks, "rate": found[ranks]}


def error_curve(scores: TrialScores, accepted: str, rejected: str) -> dict[str, np.ndarray]:
    """Both error rates by threshold.

    Args:
      scores: of the trials that should be accepted, and of those that should not.
      accepted: the name of the rate of false accepts, such as `far`.
      rejected: the name of the rate of false rejects, such as `frr`.

    Returns:
      `threshold`: float32 [T], ascending, distances that occur; the rates: float64 [T].
    """
    thresholds = np.union1d(
        _spread_values(scores.genuine.values), _spread_values(scores.impostor.values)
    )
    far, frr = error_rates(scores, thresholds)
    return {"threshold": thresholds, accepted: far, rejected: frr}


def _spread_values(values: Float32) -> Float32:
    finite = values[np.isfinite(values)]
    return finite[_spread(len(finite), MOST_POINTS // 2)]


def _spread(count: int, most: int) -> Int64:
    """At most `most` of the positions 0 .. count - 1: all where they fit; first and last always.

    Half of them spread evenly and half closer and closer to the first, for logarithmic axes.
    """
    if count <= most:
        return np.arange(count)
    even = np.linspace(0, count - 1, most // 2)
    near = np.geomspace(1, count, most // 2) - 1
    return np.unique(np.concatenate([even, near]).round().astype(np.int64))
