"""From a distance to a log-likelihood ratio: how strong the evidence for "same person" is.

    LLR(d) = ln( p(d | same person) / p(d | different people) )

All logarithms are natural, but for `cllr`, which is in bits. An LLR of 0 says nothing, +2.3 that
the distance is ten times as probable for one person as for two. It holds whatever the share of
genuine pairs in the application is, which `posterior` brings in. See Brummer, du Preez,
"Application-independent evaluation of speaker detection", Computer Speech and Language, 2006.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float64
from biometrics.engine.pair_scores import PairScores
from biometrics.engine.scores import Scores
from biometrics.errors import EvaluationError

LOGISTIC = "logistic"
ISOTONIC = "isotonic"


@dataclass(frozen=True)
class Calibration:
    """A function from distance to LLR: linear between knots, constant outside of them.

    Attributes:
      method: `logistic` or `isotonic`, how it was fitted.
      distances: the knots, ascending, in the units of the distance; 1 or more.
      log_likelihood_ratios: natural logarithms, one for each knot, never rising with the distance.
    """

    method: str
    distances: tuple[float, ...]
    log_likelihood_ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        distances, llrs = np.array(self.distances), np.array(self.log_likelihood_ratios)
        if len(distances) != len(llrs) or not len(distances):
            raise ValueError("a calibration has one log-likelihood ratio for each distance")
        if np.any(np.diff(distances) <= 0) or np.any(np.diff(llrs) > 0):
            raise ValueError("the log-likelihood ratios of a calibration fall with the distance")

    def llr(self, distance: ArrayLike) -> Float64:
        """The LLR at each distance, finite, float64 of the shape of `distance`."""
        return np.interp(distance, self.distances, self.log_likelihood_ratios)


def fit_calibration(dev: PairScores, method: str = LOGISTIC) -> Calibration:
    """Fits the LLR on the pairs of the dev people, each kind of pairs weighing the same.

    `logistic` (linear logistic regression) is a straight line and needs few pairs. Its targets are
    not 1 and 0 but Platt's (G + 1) / (G + 2) and 1 / (M + 2) for G genuine and M impostor pairs, so
    that it is finite where the two kinds are apart (Platt, "Probabilistic outputs for support
    vector machines", 1999). A line that would rise is replaced by 0: such distances say nothing.

    `isotonic` (pool adjacent violators) takes any falling shape and needs many pairs. Within a
    pooled block the LLR is ln((g / G) / (m / M)) for its g genuine and m impostor pairs; between
    blocks it is interpolated.

    With either, the LLR is held within -ln P and ln Q, for P people with two images or more and Q
    pairs of people: where Q pairs of people were seen, no likelihood ratio above Q can be vouched
    for, as a rate below 1 / Q cannot. Pairs of images do not count, since those of the same people
    are no independent trials.

    Args:
      dev: with a genuine and an impostor pair at the least.
      method: `logistic` or `isotonic`.

    Raises:
      EvaluationError: another method, or a kind of pairs is missing.
    """
    fits: dict[str, Callable[[PairScores], tuple[Float64, Float64]]] = {
        LOGISTIC: _logistic_knots,
        ISOTONIC: _isotonic_knots,
    }
    if method not in fits:
        raise EvaluationError(f"A calibration is one of {', '.join(fits)}. Received: {method!r}")
    if not dev.genuine.total or not dev.impostor.total:
        raise EvaluationError("A calibration needs genuine and impostor pairs.")
    distances, llrs = fits[method](dev)
    return Calibration(method, tuple(distances.tolist()), tuple(llrs.tolist()))


def posterior(llr: ArrayLike, prior: float) -> Float64:
    """The probability of "same person", float64 of the shape of `llr`: Bayes' rule in log odds.

    Args:
      llr: natural log-likelihood ratios.
      prior: the probability of "same person" before the images were looked at, in (0, 1).

    Raises:
      EvaluationError: the prior is not in (0, 1).
    """
    if not 0 < prior < 1:
        raise EvaluationError(f"A prior is a probability above 0 and below 1. Received: {prior}")
    log_odds = np.asarray(llr, np.float64) + math.log(prior) - math.log1p(-prior)
    return np.exp(-np.logaddexp(0, -log_odds))


def cllr(calibration: Calibration, test: PairScores) -> float:
    """The cost of the LLRs on other people's pairs, in bits: 0 is perfect, 1 what no LLR at all is.

    Cllr = ( mean over genuine pairs of log2(1 + exp(-LLR))
             + mean over impostor pairs of log2(1 + exp(LLR)) ) / 2

    (Brummer, du Preez, 2006.) Above 1 the LLRs mislead: leaving them out would be better.
    """
    missed = np.logaddexp(0, -calibration.llr(test.genuine.values))
    mistaken = np.logaddexp(0, calibration.llr(test.impostor.values))
    cost = np.average(missed, weights=test.genuine.counts)
    cost += np.average(mistaken, weights=test.impostor.counts)
    return float(cost / (2 * math.log(2)))


def _limits(dev: PairScores) -> tuple[float, float]:
    """The least and the greatest LLR that this many people can vouch for."""
    people, mated = len(dev.sizes), int((dev.sizes > 1).sum())
    return -math.log(mated), math.log(people * (people - 1) / 2)


def _logistic_knots(dev: PairScores) -> tuple[Float64, Float64]:
    """Where the fitted line enters and leaves the limits; float64 [2] or [1] each."""
    slope, offset = _logistic_line(dev.genuine, dev.impostor)
    least, greatest = _limits(dev)
    if slope >= 0 or least == greatest:
        return np.zeros(1), np.zeros(1)
    llrs = np.array([greatest, least])
    return (llrs - offset) / slope, llrs


def _logistic_line(genuine: Scores, impostor: Scores) -> tuple[float, float]:
    """The slope and the offset of LLR = slope * distance + offset."""
    from scipy.optimize import minimize  # noqa: PLC0415 - reading a calibration does not need it

    distance = np.concatenate([genuine.values, impostor.values]).astype(np.float64)
    weight = np.concatenate(
        [genuine.counts / (2 * genuine.total), impostor.counts / (2 * impostor.total)]
    )
    target = np.repeat(
        [(genuine.total + 1) / (genuine.total + 2), 1 / (impostor.total + 2)],
        [len(genuine.values), len(impostor.values)],
    )
    # On standardised distances the two parameters are of one size, whatever the units.
    centre = np.average(distance, weights=weight)
    spread = math.sqrt(np.average((distance - centre) ** 2, weights=weight))
    if spread == 0:
        return 0.0, 0.0
    inputs = np.stack([(distance - centre) / spread, np.ones_like(distance)])

    def cost_and_gradient(line: Float64) -> tuple[float, Float64]:
        llr = line @ inputs
        residual = np.exp(-np.logaddexp(0, -llr)) - target
        return weight @ (np.logaddexp(0, llr) - target * llr), inputs @ (weight * residual)

    def curvature(line: Float64) -> Float64:
        llr = line @ inputs
        variance = np.exp(-np.logaddexp(0, -llr) - np.logaddexp(0, llr))
        return (inputs * (weight * variance)) @ inputs.T

    fitted = minimize(
        cost_and_gradient,
        np.zeros(2),
        method="trust-exact",
        jac=True,
        hess=curvature,
        options={"gtol": 1e-9},
    )
    slope = float(fitted.x[0]) / spread
    return slope, float(fitted.x[1]) - slope * centre


def _isotonic_knots(dev: PairScores) -> tuple[Float64, Float64]:
    """The first and the last distance of each pooled block; float64 [B] each."""
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415 - slow, and for fitting only

    genuine, impostor = dev.genuine, dev.impostor
    values = np.union1d(genuine.values, impostor.values)
    matched, mistaken = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    matched[np.searchsorted(values, genuine.values)] = genuine.counts
    mistaken[np.searchsorted(values, impostor.values)] = impostor.counts
    pairs = matched + mistaken
    # The blocks are the same for any weight of the two kinds: pooling only compares their ratios.
    share = isotonic_regression(matched / pairs, sample_weight=pairs, increasing=False)
    start = np.concatenate([[0], np.flatnonzero(np.diff(share)) + 1])
    end = np.append(start[1:], len(values)) - 1
    with np.errstate(divide="ignore"):  # a block of one kind is as far out as the limits allow
        llrs = np.log(np.add.reduceat(matched, start) / genuine.total) - np.log(
            np.add.reduceat(mistaken, start) / impostor.total
        )
    llrs = np.minimum.accumulate(np.clip(llrs, *_limits(dev)))
    corners, first = np.unique(np.stack([start, end], axis=1), return_index=True)
    return values[corners].astype(np.float64), np.repeat(llrs, 2)[first]
