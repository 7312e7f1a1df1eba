"""How sure the rates are at every distance, by leaving out each person in turn."""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.pair_scores import PairScores
from biometrics.figures.metrics import ROUNDING, error_rates
from biometrics.intervals.rates import rate_intervals

# Variances below this share of the mean square are the rounding of sums.
_ROUNDED_AWAY = 1e-13


@dataclass(frozen=True)
class FarCurve:
    """The FAR at each distance that an impostor pair has, and how sure it is.

    Attributes:
      distances: float32 [V], ascending, each once.
      far: float64 [V], of all pairs at that distance or nearer.
      error: float64 [V], the standard error of `far`; 0 where it does not show.
      people: how many there are.
    """

    distances: Float32
    far: Float64
    error: Float64
    people: int

    def limits(self, confidence: float) -> tuple[Float64, Float64]:
        """The confidence interval of each FAR (`rate_intervals`), float64 [V] each."""
        return rate_intervals(self.far, self.error, self.people, self.people // 2, confidence)

    def largest_below(self, target: float, confidence: float) -> float | None:
        """The largest FAR whose upper limit is not above the target; None where there is none.

        A threshold with that FAR is too high only if the limit is wrong at the distance where the
        true FAR is the target. So it errs as rarely as one limit does, though it is the best of
        many.
        """
        upper = self.limits(confidence)[1]
        return float(self.far[upper <= target].max(initial=-1)) if (upper <= target).any() else None

    def interval_of(self, target: float, confidence: float) -> tuple[float, float] | None:
        """The interval of the distance at which the FAR is the target; None where it is not known.

        It has the distances at which the target is within the limits of the FAR.
        """
        lower, upper = self.limits(confidence)
        below, above = np.flatnonzero(upper <= target), np.flatnonzero(lower >= target)
        if not len(below) or not len(above):
            return None
        return _wide(self.distances[below[-1]], self.distances[above[0]])


def far_curve(pairs: PairScores) -> FarCurve:
    """The FAR at each distance with its jackknife error, all in one pass over the pairs.

    The rate is computed without each of the K people in turn, and the square of the standard error
    is (K - 1) times the variance of these rates (Efron, "The jackknife, the bootstrap and other
    resampling plans", 1982). It takes no draws, and O(S log S) for the S pairs of
    `pairs.impostor_sample`, so it can be had at every distance; FARs are those of all pairs.
    """
    sample = pairs.impostor_sample
    order = np.argsort(sample.distance, kind="stable")
    distances = sample.distance[order]
    person = pairs.identity[np.stack([sample.first[order], sample.second[order]], axis=1)]
    others = pairs.impostor.total - pairs.sizes * (pairs.images - pairs.sizes)
    error = np.zeros(len(order))
    if others.all():  # with two people, or one who is in all pairs, a rate is left without pairs
        error = _jackknife_errors(person, sample.copies[order], others)
    last_of_ties = np.append(distances[1:] != distances[:-1], True)
    distances = distances[last_of_ties]
    far = pairs.impostor.at_most(distances) / pairs.impostor.total
    return FarCurve(distances, far, error[last_of_ties], len(pairs.sizes))


def _jackknife_errors(person: Int64, copies: Float64, others: Int64) -> Float64:
    """The standard error of the share of the nearest 1 .. S pairs, float64 [S].

    Without person k that share is (E - e_k) / o_k, for E accepted pairs, e_k of them with k, and
    o_k pairs without k. Its first two moments over k follow from sums that each pair adds to.

    person: int64 [S, 2], of each pair, the nearest first; copies: float64 [S], the pairs that each
    one stands for; others: int64 [K], o_k.
    """
    weight = 1 / others
    each = np.repeat(copies, 2)
    own = weight[person.ravel()]
    before = _running_totals(person.ravel(), each)
    accepted = np.cumsum(copies)
    linear, mixed, square = (
        np.cumsum(terms)[1::2]
        for terms in (each * own, each * own**2, (2 * before + each) * each * own**2)
    )
    mean = (accepted * weight.sum() - linear) / len(others)
    mean_square = (accepted**2 * (weight**2).sum() - 2 * accepted * mixed + square) / len(others)
    variance = mean_square - mean**2
    variance[variance <= _ROUNDED_AWAY * mean_square] = 0
    return np.sqrt((len(others) - 1) * variance)


def _running_totals(group: Int64, values: Float64) -> Float64:
    """The sum of the values of the same group that come before each one, float64 [S]."""
    order = np.argsort(group, kind="stable")
    before = np.cumsum(values[order]) - values[order]
    starts = np.searchsorted(group[order], group[order], side="left")
    totals = np.empty(len(values))
    totals[order] = before - before[starts]
    return totals


def crossing_interval(
    pairs: PairScores, distances: Float32, confidence: float
) -> tuple[float, float] | None:
    """The interval of the distance at which FAR = FRR; None where it is not known.

    It has the distances at which 0 is within the interval of FAR - FRR: -+ t s, with one degree of
    freedom less than there are people of two images or more, and s the jackknife error of the
    difference. Where nobody's leaving moves the rates at the crossing or at an end, the end is
    where the data end and not what they say, so the interval is not known.

    Args:
      pairs: with fewer than three people, or two of two images or more, nothing is known.
      distances: float32 [V], ascending, at which a pair is.
      confidence: in (0, 1).
    """
    people, mated = len(pairs.sizes), int((pairs.sizes > 1).sum())
    if min(people - 1, mated) < 2:
        return None
    width = t.ppf((1 + confidence) / 2, mated - 1)

    def first(errors: float) -> int:
        """The first distance at which FAR - FRR, and so many standard errors, is not below 0."""

        def reaches(distance: np.float32) -> bool:
            gap, error = _gap(pairs, distance)
            return gap + errors * error >= 0

        return bisect_left(distances, True, key=reaches)

    low, crossing, high = first(width), first(0), first(-width) - 1
    if any(_gap(pairs, distances[place])[1] == 0 for place in (low, crossing, high)):
        return None
    return _wide(distances[low], distances[high])


def _wide(low: np.float32, high: np.float32) -> tuple[float, float] | None:
    """The interval, unless it has no width: of few distances that tie, nothing is known."""
    return (float(low), float(high)) if low < high else None


def _gap(pairs: PairScores, distance: np.float32) -> tuple[float, float]:
    """FAR - FRR at a distance, and its jackknife error; 0 where it does not show."""
    impostor, genuine = pairs.impostor_sample, pairs.genuine_sample
    people, sizes = len(pairs.sizes), pairs.sizes
    accepted, rejected = impostor.distance <= distance, genuine.distance > distance
    copies = impostor.copies[accepted]
    mistaken = sum(
        np.bincount(pairs.identity[images[accepted]], copies, people)
        for images in (impostor.first, impostor.second)
    )
    missed = np.bincount(pairs.identity[genuine.first[rejected]], genuine.copies[rejected], people)
    far = (copies.sum() - mistaken) / (pairs.impostor.total - sizes * (pairs.images - sizes))
    frr = (missed.sum() - missed) / (pairs.genuine.total - sizes * (sizes - 1) // 2)
    error = math.sqrt((people - 1) * np.var(far - frr))
    rates = error_rates(pairs, distance)
    return float(rates[0] - rates[1]), error if error > ROUNDING else 0.0
