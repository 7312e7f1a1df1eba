"""Confidence intervals of the figures, by resampling the people."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.metrics import ONE_ENROLLED, tar_key
from components.evaluator.pairs import Float32, Float64, Int64, PairScores, Searches

# Resamples of the identities behind the intervals.
RESAMPLES = 400
# Pairs of each kind that the intervals look at: above it the bulk is thinned, to bound the time.
INTERVAL_PAIRS = 2**16
# Cells (resamples times pairs) that the intervals hold at a time.
INTERVAL_CELLS = 2**19


def bootstrap_intervals(
    pairs: PairScores,
    threshold: float,
    *,
    fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
) -> dict[str, list[float]]:
    """95 % percentile intervals by resampling identities (the subset bootstrap).

    Pairs of one person are not independent, so people are drawn with replacement and not pairs
    (Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets
    bootstrap", 2004; Poh and Bengio, 2007). A person drawn w times gives genuine pairs the weight
    w, and impostor pairs of people drawn w and v times the weight w v; a person is never an
    impostor to a copy. FAR and FRR are those at the fixed `threshold`; EER, AUC and TAR find
    their own thresholds in each resample. Rank-N draws the probes' people; the gallery stays.
    Resamples without a genuine or an impostor pair are left out.

    The interval of a rate without an observed error is [0, 0]: it says that no resample sees one,
    not that there are none. With few people (say under 20) intervals are somewhat too narrow.

    Time is O(pairs) in each of 400 resamples up to 2^16 pairs of each kind. Above, the genuine
    pairs and the bulk of the impostor pairs are thinned to every k-th, counted k times, and only
    the nearest 2^16 impostor pairs, which decide TAR at a low FAR, are all kept. This leaves the
    resamples unbiased and can only widen the intervals.

    Returns:
      key -> [low, high] for all the keys of metrics.json but `EER_threshold`.
    """
    people = len(pairs.sizes)
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), RESAMPLES)
    sample = _pair_sample(pairs)
    step = max(1, INTERVAL_CELLS // len(sample.scores))
    chunks = [
        _resampled_rates(sample, draws[start : start + step].astype(np.float64), threshold, fars)
        for start in range(0, RESAMPLES, step)
    ]
    resampled = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
    resampled |= _resampled_ranks(pairs.searches, draws, ranks)
    return {key: _percentile_interval(values) for key, values in resampled.items()}


@dataclass(frozen=True)
class _PairSample:
    """The pairs that the resamples reweight, sorted by score.

    scores: float32 [S]; left, right: int64 [S], the two people; is_impostor: bool [S]; copies:
    float64 [S], the pairs that each stands for.
    """

    scores: Float32
    left: Int64
    right: Int64
    is_impostor: NDArray[np.bool_]
    copies: Float64


def _pair_sample(pairs: PairScores) -> _PairSample:
    genuine, genuine_copies = _thinned(np.arange(len(pairs.genuine)))
    impostor, impostor_copies = _thinned_impostors(pairs)
    scores = np.concatenate([pairs.genuine[genuine], pairs.impostor[impostor]])
    rows = np.concatenate(
        [pairs.genuine_rows(genuine), pairs.impostor_rows(impostor)], axis=1, dtype=np.int64
    )
    order = np.argsort(scores, kind="stable")
    return _PairSample(
        scores=scores[order],
        left=pairs.identity[rows[0, order]],
        right=pairs.identity[rows[1, order]],
        is_impostor=order >= len(genuine),
        copies=np.concatenate([genuine_copies, impostor_copies])[order],
    )


def _thinned(positions: Int64) -> tuple[Int64, Float64]:
    """Every k-th position so that at most 2^16 are left, and how many each one stands for."""
    step = max(1, math.ceil(len(positions) / INTERVAL_PAIRS))
    kept = positions[::step]
    return kept, np.full(len(kept), len(positions) / len(kept) if len(kept) else 1.0)


def _thinned_impostors(pairs: PairScores) -> tuple[Int64, Float64]:
    if len(pairs.impostor) <= INTERVAL_PAIRS:
        return _thinned(np.arange(len(pairs.impostor)))
    is_near = pairs.impostor < pairs.sorted_impostor[INTERVAL_PAIRS]
    near = np.flatnonzero(is_near)
    bulk, copies = _thinned(np.flatnonzero(~is_near))
    return np.concatenate([near, bulk]), np.concatenate([np.ones(len(near)), copies])


def _resampled_rates(
    sample: _PairSample, draws: Float64, threshold: float, fars: Sequence[float]
) -> dict[str, Float64]:
    """FAR, FRR, EER, AUC and TAR of each resample, float64 [B] each; draws: float64 [B, K]."""
    weights = draws[:, sample.left] * sample.copies
    vertices = np.flatnonzero(np.append(np.diff(sample.scores) > 0, True))
    impostor = np.where(sample.is_impostor, weights * draws[:, sample.right], 0).cumsum(axis=1)
    genuine = np.where(sample.is_impostor, 0, weights).cumsum(axis=1)
    valid = (impostor[:, -1] > 0) & (genuine[:, -1] > 0)
    far = _curve(impostor[valid], vertices)
    tar = _curve(genuine[valid], vertices)
    at_threshold = np.searchsorted(sample.scores[vertices], np.float32(threshold), side="right")
    rates = {
        "FAR": far[:, at_threshold],
        "FRR": 1 - tar[:, at_threshold],
        "EER": _interpolated_eer(far, 1 - tar),
        "AUC": (np.diff(far) * (tar[:, 1:] + tar[:, :-1]) / 2).sum(axis=1),
    }
    resamples = np.arange(len(far))
    for target in fars:
        last = (far <= target * (1 + 1e-9)).sum(axis=1) - 1
        rates[tar_key(target)] = tar[resamples, last]
    return rates


def _curve(cumulated: Float64, vertices: Int64) -> Float64:
    """The share accepted at each vertex, from none on: float64 [B, V + 1]."""
    shares = cumulated[:, vertices] / cumulated[:, -1:]
    return np.concatenate([np.zeros((len(shares), 1)), shares], axis=1)


def _interpolated_eer(far: Float64, frr: Float64) -> Float64:
    """The crossing of `calculate_verification_metrics` on each row of [B, V + 1] rates."""
    gap = far - frr
    after = np.argmax(gap >= 0, axis=1)
    resamples = np.arange(len(gap))
    low, high = gap[resamples, after - 1], gap[resamples, after]
    start, stop = far[resamples, after - 1], far[resamples, after]
    return start - low / (high - low) * (stop - start)


def _resampled_ranks(searches: Searches, draws: Int64, ranks: Sequence[int]) -> dict[str, Float64]:
    people = draws.shape[1]
    ones = np.ones(len(searches.rank))
    outcomes = {f"Rank-{rank}": (searches.rank <= rank, ones) for rank in ranks}
    outcomes[ONE_ENROLLED] = (searches.one_enrolled, searches.one_enrolled_weight)
    resampled = {}
    for key, (values, weights) in outcomes.items():
        hits = draws @ np.bincount(searches.identity, values * weights, people)
        probes = draws @ np.bincount(searches.identity, weights, people)
        resampled[key] = hits[probes > 0] / probes[probes > 0]
    return resampled


def _percentile_interval(values: Float64) -> list[float]:
    return [float(limit) for limit in np.percentile(values, [2.5, 97.5])]
