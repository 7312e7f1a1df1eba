"""A calibration that is there: its function, and the posterior."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.thresholds.calibration import LOGISTIC, Calibration, posterior
from groundfloor.errors import UserError


def test_the_ratio_is_linear_between_the_knots_and_constant_outside():
    calibration = Calibration(LOGISTIC, (0.2, 0.6), (4.0, -2.0))
    np.testing.assert_allclose(calibration.llr([0.0, 0.2, 0.4, 0.6, 2.0]), [4, 4, 1, -2, -2])


def test_using_a_calibration_loads_no_engine_and_no_scipy():
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, biometrics.thresholds.calibration; print(*sys.modules)",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert not {"scipy", "sklearn", "biometrics.engine"} & set(loaded)


def test_the_posterior_is_bayes_rule():
    # Odds of 1 : 99 before, a likelihood ratio of 99: as likely as not.
    assert posterior(math.log(99), 0.01) == pytest.approx(0.5)
    assert posterior(0.0, 0.3) == pytest.approx(0.3)
    np.testing.assert_allclose(posterior([-1e4, 1e4], 0.5), [0, 1])


@given(st.floats(-30, 30), st.floats(0.001, 0.999))
def test_the_posterior_has_the_prior_odds_times_the_likelihood_ratio(llr, prior):
    same = float(posterior(llr, prior))
    different = float(posterior(-llr, 1 - prior))
    assert same + different == pytest.approx(1)
    assert same * (1 - prior) == pytest.approx(different * prior * math.exp(llr), rel=1e-6)


@pytest.mark.parametrize("prior", [0, 1, -0.5, 50, math.nan])
def test_a_prior_that_is_no_open_probability_is_refused(prior):
    with pytest.raises(UserError, match=r"A prior is a probability.*Received"):
        posterior(0.0, prior)


@pytest.mark.parametrize(
    ("distances", "llrs"),
    [((), ()), ((0.1,), (1.0, 0.0)), ((0.2, 0.1), (1.0, 0.0)), ((0.1, 0.2), (0.0, 1.0))],
)
def test_knots_that_are_no_falling_function_are_refused(distances, llrs):
    with pytest.raises(ValueError, match="a calibration"):
        Calibration(LOGISTIC, distances, llrs)
