"""Fits a calibration on some people's pairs, and tells what it is worth on others'."""

import math

import numpy as np

from biometrics.arrays import Float64
from biometrics.engine.pair_scores import PairScores
from biometrics.engine.scores import GenuineAndImpostor, Scores
from biometrics.errors import EvaluationError
from biometrics.thresholds.calibration import LOGISTIC, Calibration


def fit_calibration(dev: PairScores) -> Calibration:
    """Fits the LLR on the pairs of the dev people, each kind of pairs weighing the same.

    Linear logistic regression is a straight line and needs few pairs. Its targets are not 1 and 0
    but Platt's (G + 1) / (G + 2) and 1 / (M + 2) for G genuine and M impostor pairs, so that it is
    finite where the two kinds are apart (Platt, "Probabilistic outputs for support vector
    machines", 1999). A line that would rise is replaced by 0: such distances say nothing.

    The LLR is held within -ln P and ln Q, for P people with two images or more and Q pairs of
    people: where Q pairs of people were seen, no likelihood ratio above Q can be vouched for, as a
    rate below 1 / Q cannot. Pairs of images do not count, since those of the same people are no
    independent trials.

    Args:
      dev: with a genuine and an impostor pair at the least.

    Raises:
      EvaluationError: a kind of pairs is missing.
    """
    if not dev.genuine.total or not dev.impostor.total:
        raise EvaluationError("A calibration needs genuine and impostor pairs.")
    distances, llrs = _logistic_knots(dev)
    return Calibration(LOGISTIC, tuple(distances.tolist()), tuple(llrs.tolist()))


def cllr(calibration: Calibration, test: GenuineAndImpostor) -> float:
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
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second

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
        cost = float(weight @ (np.logaddexp(0, llr) - target * llr))
        return cost, inputs @ (weight * residual)

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
