"""What the plots of a report draw."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.pairs import PairScores
from biometrics.engine.scores import Scores
from biometrics.figures.metrics import error_rates, verification_metrics


@dataclass(frozen=True)
class Curves:
    """What the plots draw, thinned to a bounded number of points; each point is exact.

    Attributes:
      thresholds: float32 [T], ascending scores, T at most about 1,000.
      far: float64 [T], FAR at each threshold, ascending.
      frr: float64 [T], FRR at each threshold, descending.
      bin_edges: float64 [B + 1], of the histograms.
      genuine_share: float64 [B], share of the genuine pairs in each bin; sums to 1.
      impostor_share: float64 [B], the same of the impostor pairs.
      cmc: float64 [R], Rank-1 .. Rank-R, leave-one-out.
      eer: in [0, 1].
      eer_threshold: in the units of the distance.
      impostor_pairs: how many there are, which says how low a FAR can be measured.
    """

    thresholds: Float32
    far: Float64
    frr: Float64
    bin_edges: Float64
    genuine_share: Float64
    impostor_share: Float64
    cmc: Float64
    eer: float
    eer_threshold: float
    impostor_pairs: int


def compute_curves(pairs: PairScores, *, bins: int = 60, max_rank: int = 20) -> Curves:
    """The curves of a report: FAR and FRR by threshold, histograms and the CMC."""
    verification = verification_metrics(pairs)
    thresholds = np.unique(
        np.concatenate([_landmark_scores(pairs.genuine), _landmark_scores(pairs.impostor)])
    )
    far, frr = error_rates(pairs, thresholds)
    edges = _bin_edges(float(thresholds[0]), float(thresholds[-1]), bins)
    ranks = np.arange(1, min(max_rank, pairs.images - 1) + 1)
    found = pairs.rank[pairs.has_mate]
    return Curves(
        thresholds=thresholds,
        far=far,
        frr=frr,
        bin_edges=edges,
        genuine_share=pairs.genuine.histogram(edges) / pairs.genuine.total,
        impostor_share=pairs.impostor.histogram(edges) / pairs.impostor.total,
        cmc=np.mean(found[:, None] <= ranks, axis=0),
        eer=verification["EER"],
        eer_threshold=verification["EER_threshold"],
        impostor_pairs=pairs.impostor.total,
    )


def landmarks(length: int, count: int = 256) -> Int64:
    """Positions 0 .. length - 1 that stand for all of them, ascending, at most 2 * count.

    Half of them are spread evenly, the others lie closer and closer towards both ends, which log
    axes stretch. Both ends are among them.
    """
    last = length - 1
    tail = np.geomspace(1, length, count // 2) - 1
    positions = np.concatenate([np.linspace(0, last, count), tail, last - tail])
    return np.unique(positions.round().astype(np.int64))


def _landmark_scores(scores: Scores) -> Float32:
    return scores.nth(landmarks(scores.total))


def _bin_edges(low: float, high: float, bins: int) -> Float64:
    margin = 0 if high > low else max(abs(high), 1.0) / 2
    return np.linspace(low - margin, high + margin, bins + 1)
