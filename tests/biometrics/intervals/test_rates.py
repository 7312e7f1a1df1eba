"""The interval of a rate by either method, and what both are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from biometrics.errors import EvaluationError
from biometrics.intervals.rates import Rate, clopper_pearson, rate_intervals, standard_error
from tests.biometrics.cases import no_event

RATE = Rate(0.25, standard_error=0.1, people=10, independent=5, trials=40)


def test_the_interval_is_that_of_the_people_unless_the_trials_are_asked_for():
    low, high = rate_intervals(np.array([0.25]), np.array([0.1]), 10, 5)
    assert RATE.interval() == RATE.interval("bootstrap") == (low[0], high[0])
    assert RATE.interval("clopper_pearson") == clopper_pearson(10, 40)


@pytest.mark.parametrize("method", ["bootstrap", "clopper_pearson"])
def test_an_interval_of_more_confidence_holds_that_of_less(method):
    low, high = RATE.interval(method, confidence=0.5)
    lower, higher = RATE.interval(method, confidence=0.99)
    assert lower < low < 0.25 < high < higher


def test_a_figure_that_is_no_count_keeps_the_interval_of_the_people():
    eer = Rate(0.25, standard_error=0.1, people=10, independent=5)
    assert eer.interval("clopper_pearson") == RATE.interval("bootstrap")


@given(st.integers(1, 10**7), st.data())
def test_the_trials_that_came_out_are_those_of_the_rate(trials, data):
    successes = data.draw(st.integers(0, trials))
    rate = Rate(successes / trials, standard_error=0.0, people=3, independent=3, trials=trials)
    assert rate.interval("clopper_pearson") == clopper_pearson(successes, trials)


def test_a_rate_without_an_observed_error_is_not_certain():
    none = Rate(0.0, standard_error=0.0, people=10, independent=5, trials=40)
    assert none.interval() == pytest.approx((0, no_event(5)))
    assert none.interval("clopper_pearson") == pytest.approx((0, no_event(40)))


def test_another_method_is_refused():
    with pytest.raises(EvaluationError, match="Received: 'wald'"):
        RATE.interval("wald")


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.9, 0.95, 0.999]))
def test_clopper_pearson_equals_scipys_exact_interval(successes, failures, confidence):
    trials = successes + failures
    if not trials:
        assert clopper_pearson(0, 0, confidence) == (0, 1)
        return
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx(tuple(expected))


def test_clopper_pearson_without_an_event_is_the_rule_of_three():
    assert clopper_pearson(0, 3000, confidence=0.9)[1] == pytest.approx(3 / 3000, rel=2e-3)
    assert clopper_pearson(0, 10)[1] == pytest.approx(no_event(10))


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 1), (0, -1)])
def test_clopper_pearson_refuses_what_is_no_count(successes, trials):
    with pytest.raises(EvaluationError, match="from 0 to the number of trials"):
        clopper_pearson(successes, trials)


def test_clopper_pearson_holds_the_truth_where_trials_are_independent():
    errors = np.random.default_rng(0).binomial(200, 0.05, size=1000)
    intervals = [clopper_pearson(int(count), 200) for count in errors]
    assert 0.95 <= np.mean([low <= 0.05 <= high for low, high in intervals]) <= 0.99


def test_rounding_is_no_spread_and_resamples_without_a_figure_do_not_count():
    assert standard_error(np.array([0.1 + 0.2, 0.3, 0.3]), people=3) == 0
    assert standard_error(np.array([1.0, np.nan, 3.0]), people=2) == pytest.approx(2.0)
    assert standard_error(np.array([1.0, np.nan]), people=2) == 0
