"""From a distance to a log-likelihood ratio: how strong the evidence for "same person" is.

    LLR(d) = ln( p(d | same person) / p(d | different people) )

All logarithms are natural. An LLR of 0 says nothing, +2.3 that the distance is ten times as
probable for one person as for two. It holds whatever the share of genuine pairs in the application
is, which `posterior` brings in. See Brummer, du Preez, "Application-independent evaluation of
speaker detection", Computer Speech and Language, 2006. `fit.py` fits a calibration; using one takes
neither scores nor SciPy.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float64
from biometrics.errors import EvaluationError

LOGISTIC = "logistic"


@dataclass(frozen=True)
class Calibration:
    """A function from distance to LLR: linear between knots, constant outside of them.

    Attributes:
      method: how it was fitted, such as `logistic`.
      distances: the knots, ascending, in the units of the distance; 1 or more.
      log_likelihood_ratios: natural logarithms, one for each knot, never rising with the distance.

    Raises:
      ValueError: the values are none of a calibration.

    Example:
      >>> calibration = Calibration(LOGISTIC, (0.2, 0.6), (4.0, -4.0))
      >>> calibration.llr([0.0, 0.4, 0.5])
      array([ 4.,  0., -2.])
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
        at = np.asarray(distance, np.float64)
        return np.interp(at, self.distances, self.log_likelihood_ratios)


def posterior(llr: ArrayLike, prior: float) -> Float64:
    """The probability of "same person", float64 of the shape of `llr`: Bayes' rule in log odds.

    Args:
      llr: natural log-likelihood ratios.
      prior: the probability of "same person" before the images were looked at, in (0, 1).

    Raises:
      EvaluationError: the prior is not in (0, 1).

    Example:
      >>> round(float(posterior(2.0, prior=0.5)), 3)
      0.881
    """
    if not 0 < prior < 1:
        raise EvaluationError(f"A prior is a probability above 0 and below 1. Received: {prior}")
    log_odds = np.asarray(llr, np.float64) + math.log(prior) - math.log1p(-prior)
    return np.exp(-np.logaddexp(0, -log_odds))
