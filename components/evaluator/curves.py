"""What the plots of a report draw."""

from dataclasses import dataclass

import numpy as np

from components.evaluator.metrics import error_rates, verification_metrics
from components.evaluator.pairs import Float32, Float64, PairScores


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


def compute_curves(pairs: PairScores, *, bins: int = 60, max_rank: int = 20) -> Curves:
    """The curves of a report: FAR and FRR by threshold, histograms and the CMC."""
    verification = verification_metrics(pairs)
    thresholds = np.unique(
        np.concatenate([_landmarks(pairs.sorted_genuine), _landmarks(pairs.sorted_impostor)])
    )
    far, frr = error_rates(pairs, thresholds)
    edges = _bin_edges(float(thresholds[0]), float(thresholds[-1]), bins)
    ranks = np.arange(1, min(max_rank, pairs.images - 1) + 1)
    return Curves(
        thresholds=thresholds,
        far=far,
        frr=frr,
        bin_edges=edges,
        genuine_share=np.histogram(pairs.genuine, edges)[0] / len(pairs.genuine),
        impostor_share=np.histogram(pairs.impostor, edges)[0] / len(pairs.impostor),
        cmc=np.mean(pairs.searches.rank[:, None] <= ranks, axis=0),
        eer=verification["EER"],
        eer_threshold=verification["EER_threshold"],
    )


def _landmarks(scores: Float32, count: int = 256) -> Float32:
    """Scores evenly spread in rank, and closer and closer towards both ends for log axes."""
    last = len(scores) - 1
    tail = np.geomspace(1, len(scores), count // 2) - 1
    positions = np.concatenate([np.linspace(0, last, count), tail, last - tail])
    return scores[np.unique(positions.round().astype(np.int64))]


def _bin_edges(low: float, high: float, bins: int) -> Float64:
    margin = 0 if high > low else max(abs(high), 1.0) / 2
    return np.linspace(low - margin, high + margin, bins + 1)
