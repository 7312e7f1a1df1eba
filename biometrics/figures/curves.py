"""The curves of a report, each of a bounded number of points; each point is exact."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.pair_scores import PairScores
from biometrics.engine.scores import GenuineAndImpostor, Scores
from biometrics.figures.metrics import error_rates, verification_metrics

# Bins of a histogram, and ranks of the CMC of all pairs.
BINS = 60
RANKS = 20
# Points of a protocol's curve, about.
MOST_POINTS = 1000


@dataclass(frozen=True)
class Curves:
    """What the plots of all pairs draw.

    Attributes:
      distances: float32 [T], ascending, of some of the pairs, T at most about 1,000.
      far: float64 [T], FAR with the threshold at each distance, ascending.
      frr: float64 [T], FRR there, descending.
      bin_edges: float64 [B + 1], of the histograms.
      genuine_share: float64 [B], share of the genuine pairs in each bin; sums to 1.
      impostor_share: float64 [B], the same of the impostor pairs.
      cmc: float64 [R], Rank-1 .. Rank-R, leave-one-out; empty where nobody searched.
      eer: in [0, 1].
      eer_threshold: in the units of the distance.
      impostor_pairs: how many there are, which says how low a FAR can be measured.
    """

    distances: Float32
    far: Float64
    frr: Float64
    bin_edges: Float64
    genuine_share: Float64
    impostor_share: Float64
    cmc: Float64
    eer: float
    eer_threshold: float
    impostor_pairs: int


def compute_curves(pairs: PairScores) -> Curves:
    """FAR and FRR by distance, histograms and the CMC of all pairs."""
    ranks = np.arange(1, min(RANKS, pairs.images - 1) + 1)
    found = pairs.rank[pairs.has_mate]
    return _curves(pairs, np.mean(found[:, None] <= ranks, axis=0))


def score_curves(scores: GenuineAndImpostor) -> Curves:
    """The same of pairs of nobody knows which images: without searches, there is no CMC."""
    return _curves(scores, np.empty(0))


def _curves(pairs: GenuineAndImpostor, cmc: Float64) -> Curves:
    verification = verification_metrics(pairs)
    distances = np.union1d(_landmark_distances(pairs.genuine), _landmark_distances(pairs.impostor))
    far, frr = error_rates(pairs, distances)
    edges = _bin_edges(float(distances[0]), float(distances[-1]))
    return Curves(
        distances=distances,
        far=far,
        frr=frr,
        bin_edges=edges,
        genuine_share=pairs.genuine.histogram(edges) / pairs.genuine.total,
        impostor_share=pairs.impostor.histogram(edges) / pairs.impostor.total,
        cmc=cmc,
        eer=verification["EER"],
        eer_threshold=verification["EER_threshold"],
        impostor_pairs=pairs.impostor.total,
    )


def cmc(rank: Int64) -> dict[str, np.ndarray]:
    """The cumulative match characteristic, from rank 1 to the rank at which all are found.

    Args:
      rank: int64 [P], the rank of the mate in each mated search, 1 or more.

    Returns:
      `rank`: int64 [R]; `rate`: float64 [R], the share of searches of at most that rank.
    """
    found = np.cumsum(np.bincount(rank)) / len(rank)
    ranks = 1 + _thinned(len(found) - 1, MOST_POINTS)
    return {"rank": ranks, "rate": found[ranks]}


def error_curve(scores: GenuineAndImpostor, accepted: str, rejected: str) -> dict[str, np.ndarray]:
    """Both error rates by threshold.

    Args:
      scores: of the trials that should be accepted, and of those that should not.
      accepted: the name of the rate of false accepts, such as `far`.
      rejected: the name of the rate of false rejects, such as `frr`.

    Returns:
      `threshold`: float32 [T], ascending, distances that occur; the rates: float64 [T].
    """
    distances = np.union1d(
        _thinned_values(scores.genuine.values), _thinned_values(scores.impostor.values)
    )
    far, frr = error_rates(scores, distances)
    return {"threshold": distances, accepted: far, rejected: frr}


def landmarks(length: int) -> Int64:
    """Positions 0 .. length - 1 that stand for all of them, ascending, at most 512.

    Half of them are spread evenly, the others lie closer and closer towards both ends, which log
    axes stretch. Both ends are among them.
    """
    near_start = _towards_start(length, 128)
    return _rounded(np.linspace(0, length - 1, 256), near_start, length - 1 - near_start)


def _thinned(length: int, most: int) -> Int64:
    """At most `most` of the positions 0 .. length - 1: all where they fit; first and last always.

    Half of them spread evenly and half closer and closer to the first, for logarithmic axes.
    """
    if length <= most:
        return np.arange(length)
    even = np.linspace(0, length - 1, most // 2)
    return _rounded(even, _towards_start(length, most // 2))


def _towards_start(length: int, count: int) -> Float64:
    """Places from 0 to length - 1, evenly spread on a logarithmic axis."""
    return np.geomspace(1, length, count) - 1


def _rounded(*places: Float64) -> Int64:
    """The positions nearest to these places, ascending, each once."""
    return np.unique(np.concatenate(places).round().astype(np.int64))


def _landmark_distances(scores: Scores) -> Float32:
    return scores.nth(landmarks(scores.total))


def _thinned_values(values: Float32) -> Float32:
    finite = values[np.isfinite(values)]
    return finite[_thinned(len(finite), MOST_POINTS // 2)]


def _bin_edges(low: float, high: float) -> Float64:
    margin = 0 if high > low else max(abs(high), 1.0) / 2
    return np.linspace(low - margin, high + margin, BINS + 1)
